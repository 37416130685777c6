#!/usr/bin/env perl
# Fails when something public has no documentation comment: Tests/suites/house/documented.pl FOLDER ...
use strict;
use warnings;

my $bare = 0;
for my $folder (@ARGV) {
    for my $file (split /\n/, qx(find $folder -name '*.swift' | sort)) {
        open my $handle, '<', $file or die "$file: $!\n";
        my ($above, $enumeration, $number) = ('', undef, 0);
        while (my $line = <$handle>) {
            $number++;
            # Attributes on lines of their own stand between a comment and what it is about.
            next if $line =~ /^\s*\@\w+(?:\(.*\))?\s*$/;
            my ($indent) = $line =~ /^(\s*)/;
            undef $enumeration if defined $enumeration && $line =~ /^\s*\}/ && length($indent) <= $enumeration;
            my $is_case = defined $enumeration && $line =~ /^\s*case [a-z]/ && length($indent) == $enumeration + 4;
            # What Equatable and Hashable ask for has their documentation.
            my $is_public = $line =~ /^\s*(?:\@\w+ )*(?:public|open) (?!extension|static func ==|func hash\()/;
            if (($is_case || $is_public) && $above !~ m{^\s*///}) {
                $line =~ s/^\s+|\s+$//g;
                print STDERR "$file:$number: not documented: $line\n";
                $bare++;
            }
            $enumeration = length $indent if $line =~ /^\s*public (?:indirect )?enum\b.*\{\s*$/;
            $above = $line;
        }
    }
}
print "@ARGV: everything public is documented\n" unless $bare;
exit($bare ? 1 : 0);
