# Packs files without compression, as zip does: with their times, in the time zone of the build.
use strict;
use warnings;

sub crc {
    my $crc = 0xffffffff;
    for my $byte (unpack 'C*', shift) {
        $crc ^= $byte;
        $crc = $crc & 1 ? $crc >> 1 ^ 0xedb88320 : $crc >> 1 for 1 .. 8;
    }
    return $crc ^ 0xffffffff;
}

my ($archive, $directory) = ('', '');
for my $name (@ARGV) {
    open my $file, '<', $name or die "$name: $!";
    my $bytes = do { local $/; <$file> };
    my ($sec, $min, $hour, $day, $month, $year) = localtime((stat $file)[9]);
    my $time = $hour << 11 | $min << 5 | $sec >> 1;
    my $date = $year - 80 << 9 | $month + 1 << 5 | $day;
    my $entry = pack 'v5V3v2', 20, 0, 0, $time, $date, crc($bytes), (length $bytes) x 2, length $name, 0;
    $directory .= pack('Vv', 0x02014b50, 20) . $entry . pack('v3V2', 0, 0, 0, 0, length $archive) . $name;
    $archive .= pack('V', 0x04034b50) . $entry . $name . $bytes;
}
print $archive, $directory, pack 'Vv4V2v', 0x06054b50, 0, 0, (scalar @ARGV) x 2, length $directory, length $archive, 0;
