# Perl: fork, pipes, sockets, files, regular expressions, a tied database, modules of the standard library.
use strict;
use warnings;
use utf8;
use Cwd;
use Data::Dumper;
use Digest::SHA qw(sha256_hex);
use Encode;
use Fcntl qw(:flock :mode);
use File::Find;
use File::Temp qw(tempfile);
use IO::Select;
use IO::Socket::UNIX;
use IPC::Open3;
use List::Util qw(sum shuffle reduce);
use MIME::Base64;
use POSIX qw(:sys_wait_h strftime setlocale LC_ALL);
use SDBM_File;
use Socket;
use Storable qw(store retrieve);
use Time::HiRes qw(usleep);

$| = 1;
binmode STDOUT, ":utf8";
pipe(my $read, my $write) or die $!;
for my $n (1 .. 4) {
    my $pid = fork // die $!;
    if (!$pid) { syswrite $write, "child $n\n"; POSIX::_exit($n) }
}
close $write;
my %status;
while ((my $pid = wait) > 0) { $status{ $? >> 8 } = 1 }
print join(",", sort keys %status), " ", join("|", sort map { chomp; $_ } <$read>), "\n";
socketpair(my $left, my $right, AF_UNIX, SOCK_STREAM, PF_UNSPEC) or die $!;
syswrite $left, "through a pair"; sysread $right, my $got, 100; print "$got\n";
my $server = IO::Socket::UNIX->new(Local => "perl.sock", Listen => 5) or die $!;
if (!fork) { my $c = IO::Socket::UNIX->new(Peer => "perl.sock"); print $c "hello\n"; print scalar <$c>; exit 0 }
my $client = $server->accept; my $line = <$client>; print $client uc $line; close $client; wait; print "served $?\n";
open my $out, ">:utf8", "text" or die $!;
flock $out, LOCK_EX; print $out "Zürich $_\n" for 1 .. 1000; close $out;
open my $in, "<:utf8", "text" or die $!;
my @found = grep { /^Zürich (?<n>\d*7)$/ && $+{n} % 2 } <$in>; print scalar @found, " $found[-1]";
(my $text = "The quick brown fox") =~ s/(\w+)/\u\L$1/g; $text =~ tr/a-z/A-Z/; print "$text\n";
print join(" ", map { $_->[0] } sort { $a->[1] <=> $b->[1] } map { [$_, length] } qw(ccc a bb)), "\n";
print "$1-$2\n" while "a1b2c3" =~ /([a-z])(\d)/g;
tie my %table, "SDBM_File", "table", O_RDWR() | O_CREAT(), 0644 or die $!;
$table{"key $_"} = $_ x 3 for 1 .. 100; print scalar(keys %table), " $table{'key 7'}\n"; untie %table;
sub O_RDWR { Fcntl::O_RDWR() } sub O_CREAT { Fcntl::O_CREAT() }
store { list => [1, 2, 3] }, "stored"; print Dumper(retrieve("stored")->{list});
print sha256_hex("text"), " ", encode_base64("bytes"), sum(1 .. 10), " ", (reduce { $a * $b } 1 .. 10), "\n";
$SIG{ALRM} = sub { die "alarm\n" }; eval { POSIX::alarm(1); select undef, undef, undef, 0.01; alarm 0; die "no alarm\n" }; print $@;
local $SIG{USR1} = sub { print "signal $_[0]\n" }; kill USR1 => $$;
my $pid = open3(my $to, my $from, undef, "tr", "a-z", "A-Z"); print $to "open3\n"; close $to; print <$from>; waitpid $pid, 0;
print `echo backticks; exit 3`, $? >> 8, " ", system("true"), " ", -e "text" ? "there" : "gone", " ", (stat "text")[7], "\n";
my $count = 0; mkdir "d$_" for 1 .. 5; find(sub { $count++ }, "."); print "$count ", getcwd, "\n";
print strftime("%Y-%m-%d", gmtime 1e9), " ", scalar(gmtime 0), " ", setlocale(LC_ALL, "") // "none", "\n";
opendir my $dir, "." or die $!; print join(" ", sort grep { !/^\./ } readdir $dir), "\n";
printf "%s %.3f %e %b %o %x %v d\n", "x", 1 / 3, 1e10, 10, 8, 255, "1.2";
open my $null, "<", "/no/such" or print "$!\n"; warn "to stderr\n"; print "$0 $^O ", scalar(@ARGV), "\n"; exit 0;
