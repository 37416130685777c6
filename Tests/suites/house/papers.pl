#!/usr/bin/env perl
# Fails when two translations of one paper differ in the commands, options, links or headings' number:
#
#     Tests/suites/house/papers.pl README.md README.pt.md
#
# or when an option that they name is none of the program's, as Sources declare them.
use strict;
use warnings;

# Everything that a translation leaves as it is, counted.
sub facts {
    my ($file) = @_;
    local $/;
    # As characters: a letter before a hyphen may be any.
    open my $handle, '<:encoding(UTF-8)', $file or die "$file: $!\n";
    my $text = <$handle>;
    my %facts;
    # A comment after a command is translated.
    $facts{"command: $1"}++ while $text =~ /^    (\S.*?)(?:\s{2,}#.*)?$/mg;
    $facts{"option: $1"}++ while $text =~ /(?<![\w-])(--?[a-z][a-z-]*)/g;
    $facts{"link: $1"}++ while $text =~ /\]\(([^#)][^)]*)\)/g;
    $facts{"heading: $1"}++ while $text =~ /^(#+) /mg;
    return \%facts;
}

my ($first, $second) = @ARGV;
defined $second or die "usage: papers.pl FILE TRANSLATION\n";
my ($ours, $theirs) = (facts($first), facts($second));
# Each paper leads to the other.
delete $ours->{"link: $second"};
delete $theirs->{"link: $first"};
my $failed = 0;
for my $fact (sort keys %{ { %$ours, %$theirs } }) {
    my ($here, $there) = ($ours->{$fact} // 0, $theirs->{$fact} // 0);
    next if $here == $there;
    print STDERR "$fact: $here in $first, $there in $second\n";
    $failed = 1;
}

# An option is declared as a property with a name in camel case, after @Option or @Flag.
my %declared = map { $_ => 1 } qw(--help --version -h);
for my $file (split /\n/, qx(find Sources/cartoonize -name '*.swift')) {
    local (@ARGV, $/) = $file;
    my $text = <>;
    while ($text =~ /\@(?:Option|Flag)(?:\((.*?)\))?\s+(?:private )?var (\w+)/sg) {
        my ($arguments, $name) = ($1 // '', $2);
        my $short = substr $name, 0, 1;
        $name =~ s/([A-Z])/-\l$1/g;
        $declared{"--$name"} = 1;
        $declared{"-$short"} = 1 if $arguments =~ /\.short/;
    }
    # The values of a flag have names of their own.
    $declared{"--$1"} = 1 while $text =~ /\.customLong\("([\w-]+)"\)/g;
}
# What other programs' options look like in examples.
my %foreign = map { $_ => 1 } qw(-s);
for my $fact (sort keys %$ours) {
    my ($option) = $fact =~ /^option: (.*)/ or next;
    next if $declared{$option} || $foreign{$option};
    print STDERR "$first names $option, which the program does not have\n";
    $failed = 1;
}
print "$first, $second: the same commands, options and links\n" unless $failed;
exit $failed;
