#!/usr/bin/env perl
# Fails when a file of the project names a path below Sources, Tests or Models that is not there, or a page has a link to
# a file that is not there.
use strict;
use warnings;

my ($failed, $count) = (0, 0);
sub expect {
    my ($place, $path) = @_;
    $count++;
    return if -e $path;
    print STDERR "$place: there is no $path\n";
    $failed = 1;
}
for my $file (split /\0/, qx(git ls-files -z)) {
    next unless -T $file && $file !~ /\.(?:json|svg|txt)$/;
    my ($folder) = $file =~ m{^(.*/)};
    open my $lines, '<', $file or die "$file: $!\n";
    while (<$lines>) {
        my $place = "$file:$.";
        while (m{(?:(?<![\w./-])|(?<=root/)|(?<=ROOT\}/))(?:\.\./)*((?:Sources|Tests|Models)/[\w./+-]*\w)(?![*\$\{<\w])}g) {
            # Capitals stand for a name to be filled in.
            my $path = $1;
            expect($place, $path) unless $path =~ /[A-Z]{4}/ && $path !~ /README|LICENSES/;
        }
        next unless $file =~ /\.md$/;
        expect($place, ($folder // '') . $1) while /\]\(([\w.\/+-]+?)(?:#[\w-]+)?\)/g;
    }
}
print "$count paths and links lead somewhere\n" unless $failed;
exit $failed;
