#!/usr/bin/perl
# Lines of C of more than 120 columns, in the folders given: swift format sees to Swift's.
use strict;
use warnings;

my @files = split /\n/, qx(git ls-files -- @{[map { "'$_/*.c' '$_/*.h'" } @ARGV]});
die "columns.pl: no C files in @ARGV\n" unless @files;
my $long = 0;
for my $file (@files) {
    open my $lines, '<:encoding(UTF-8)', $file or die "$file: $!\n";
    while (<$lines>) {
        chomp;
        next if length() <= 120;
        print "$file:$.: ", length(), " columns\n";
        $long++;
    }
}
die "$long lines of C have more than 120 columns (git clang-format wraps those of a change)\n" if $long;
print "@ARGV: ", scalar @files, " C files within 120 columns\n";
