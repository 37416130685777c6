#!/usr/bin/env perl
# Fails when folders of a target need each other in a circle, or targets import each other in one.
#
#     Tests/suites/house/circles.pl FOLDER ...     the folders inside each of these, by the names they declare and use
#     Tests/suites/house/circles.pl --imports      the targets in Sources, by their imports
use strict;
use warnings;

my %needs;    # room -> room -> "FILE uses NAME"

# A file without its comments, and of its strings only what is interpolated.
sub contents {
    local (@ARGV, $/) = @_;
    my ($text, $code) = (scalar <>, '');
    # What is open, innermost last: a string's quotation mark, or the parentheses within an interpolation.
    my @open;
    while ($text =~ m{\G(?:(//[^\n]*)|("""|")|(\\\()|(\\.)|(.))}gs) {
        my ($comment, $quote, $interpolation, $escape, $character) = ($1, $2, $3, $4, $5);
        my $in_string = @open && $open[-1] =~ /"/;
        if ($in_string && defined $comment) { pos($text) -= length($comment) - 2 }
        elsif ($in_string) {
            if (defined $quote && $quote eq $open[-1]) { pop @open }
            elsif (defined $interpolation) { push @open, 1; $code .= ' ' }
        } elsif (defined $quote) { push @open, $quote; $code .= ' ' }
        elsif (!defined $comment) {
            my $piece = $interpolation // $escape // $character;
            if (@open && $piece eq '(') { $open[-1]++ }
            elsif (@open && $piece eq ')' && --$open[-1] == 0) { pop @open; next }
            $code .= $piece;
        }
    }
    return $code;
}

sub by_imports {
    for my $file (split /\n/, qx(find Sources -name '*.swift' | sort)) {
        my ($target) = $file =~ m{^Sources/([^/]+)/};
        my $text = contents($file);
        $needs{$target}{$1} //= "$file imports $1" while $text =~ /^(?:\@\w+ )?import (?:\w+ )?(\w+)/mg;
    }
}

# A name counts if one folder alone declares it: types, functions and constants at the top level, and what extensions add.
sub by_names {
    my ($root) = @_;
    my (%text, %home);
    for my $file (split /\n/, qx(find $root -name '*.swift' | sort)) {
        my ($room) = $file =~ m{^\Q$root\E/(?:(.+)/)?[^/]+$};
        $room //= '.';
        $text{$room}{$file} = contents($file);
        my $modifier = qr/(?:(?:public|package|static|final|nonisolated\(unsafe\)) )*/;
        my $kind = qr/(?:struct|enum|class|protocol|typealias|func|let|var)/;
        $home{$1}{$room} = 1 while $text{$room}{$file} =~ /^$modifier$kind (\w+)/mg;
        while ($text{$room}{$file} =~ /^extension .*?^\}/msg) {
            my $extension = $&;
            $home{".$1"}{$room} = 1 while $extension =~ /^    $modifier(?:func|let|var) (\w+)/mg;
        }
    }
    # Members are told apart by their names alone, so one that is declared elsewhere as well does not count.
    my $all = join "\n", map { values %$_ } values %text;
    for my $name (grep { /^\./ } keys %home) {
        my $member = substr $name, 1;
        my $count = () = $all =~ /\b(?:func|let|var|case) \Q$member\E\b|[(,] *\Q$member\E:/g;
        delete $home{$name} if $count > 1;
    }
    for my $room (sort keys %text) {
        for my $file (sort keys %{ $text{$room} }) {
            while ($text{$room}{$file} =~ /(\.?)\b(\w+)\b/g) {
                for my $name ($2, $1 ? ".$2" : ()) {
                    my @homes = keys %{ $home{$name} // {} };
                    $needs{$room}{ $homes[0] } //= "$file uses $name" if @homes == 1 && $homes[0] ne $room;
                }
            }
        }
    }
}

# The first circle found from a room on, as its rooms in order; none if there is none.
my %state;
sub circle_from {
    my @path = @_;
    my $room = $path[-1];
    $state{$room} = 'open';
    for my $next (sort keys %{ $needs{$room} // {} }) {
        my $status = $state{$next} // '';
        if ($status eq 'open') { shift @path while $path[0] ne $next; return (@path, $next) }
        next if $status;
        my @circle = circle_from(@path, $next);
        return @circle if @circle;
    }
    $state{$room} = 'done';
    return;
}

my $failed = 0;
for my $argument (@ARGV) {
    (%needs, %state) = ();
    $argument eq '--imports' ? by_imports() : by_names($argument);
    for my $room (sort keys %needs) {
        next if $state{$room};
        my @circle = circle_from($room) or next;
        print STDERR "$argument: a circle, ", join(' -> ', @circle), "\n";
        print STDERR "    $needs{$circle[$_]}{$circle[$_ + 1]}\n" for 0 .. $#circle - 1;
        $failed = 1;
        last;
    }
    print "$argument: no circle\n" unless $failed;
    print map { "    $_ -> " . join(', ', sort keys %{ $needs{$_} }) . "\n" } sort keys %needs if $ENV{VERBOSE};
}
exit $failed;
