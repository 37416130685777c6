#!/usr/bin/env perl
# Completes the manual page: manual.pl PAGE ARTICLE ... prints PAGE, which the argument parser generated, with the articles
# of the DocC catalog as further sections. An article uses headings, paragraphs, lists, tables of two columns, indented code,
# `code`, **bold** and <doc:...>, and nothing else of Markdown.
use strict;
use warnings;

# Running text, with the marks of code and bold, and nothing that mdoc would take for a macro.
sub inline {
    my ($text) = @_;
    $text =~ s/\\/\\e/g;
    $text =~ s/-/\\-/g;
    $text =~ s/\*\*`?(.*?)`?\*\*/\\fB$1\\fR/g;
    $text =~ s/`(.*?)`/\\fB$1\\fR/g;
    $text =~ s/<doc:(\w+)>/$1/g;
    $text =~ s/^(?=[.'])/\\&/mg;
    return "$text\n";
}

sub literal {
    my ($text) = @_;
    $text =~ s/\\/\\e/g;
    $text =~ s/-/\\-/g;
    $text =~ s/^(?=[.'])/\\&/mg;
    return $text;
}

sub section {
    my ($text) = @_;
    $text =~ s/\n+$//;
    my @blocks = grep { /\S/ } split /\n{2,}/, $text;
    my ($page, $fresh) = ('', 1);    # `fresh`: right after a heading, where no space is wanted
    while (defined(my $block = shift @blocks)) {
        if ($block =~ /^# (.*)/) {
            $page .= '.Sh ' . uc($1) . "\n";
            shift @blocks;           # the abstract: the heading says as much
            $fresh = 1;
            next;
        }
        if ($block =~ /^## (.*)/) {
            $page .= ".Ss $1\n";
            $fresh = 1;
            next;
        }
        if ($block =~ /^    /) {
            my @code = ($block);
            push @code, shift @blocks while @blocks && $blocks[0] =~ /^    /;
            my $code = join "\n\n", @code;
            $code =~ s/^    //mg;
            $page .= ".Bd -literal -offset indent\n" . literal($code) . "\n.Ed\n";
        } elsif ($block =~ /^(?:- |\d+\. )/) {
            my $kind = $block =~ /^-/ ? 'bullet' : 'enum';
            $page .= ".Bl -$kind\n";
            for my $item (split /\n(?=- |\d+\. )/, $block) {
                $item =~ s/^(?:- |\d+\. )//;
                $item =~ s/\n\s+/\n/g;
                $page .= ".It\n" . inline($item);
            }
            $page .= ".El\n";
        } elsif ($block =~ /^\|/) {
            $page .= ".Bl -tag -width Ds -compact\n";
            my (undef, undef, @rows) = split /\n/, $block;
            for my $row (@rows) {
                my ($term, $meaning) = $row =~ /^\| (.*?) \| (.*) \|$/ or die "not a row of two columns: $row\n";
                $page .= '.It ' . inline($term) . inline($meaning);
            }
            $page .= ".El\n";
        } else {
            $page .= ".Pp\n" unless $fresh;
            $page .= inline($block);
        }
        $fresh = 0;
    }
    return $page;
}

my ($generated, @articles) = @ARGV;
@articles or die "usage: manual.pl PAGE ARTICLE ...\n";
local $/;
open my $handle, '<', $generated or die "$generated: $!\n";
my $page = <$handle>;
# The parser knows two exit statuses and no author.
$page =~ s/^\.Sh "?EXIT STATUS"?\n.*//ms or die "$generated has no section EXIT STATUS\n";
# The command that needs no name comes first in it.
$page =~ s/^\.Ar subcommand\n//m;
print $page;
for my $article (@articles) {
    open $handle, '<', $article or die "$article: $!\n";
    print section(<$handle>);
}
