# An XML-RPC server in Perl (RPC::XML), which knows nothing of Ponte: a process for each connection.
#
#     perl server.pl PORT FOLDER
#
# `slow` writes each of its runs into a file of FOLDER, as the services file of the tests does.
use strict;
use warnings;
use HTTP::Daemon;
use HTTP::Response;
use RPC::XML::Server;
use Socket qw(IPPROTO_TCP TCP_NODELAY);
use Time::HiRes qw(sleep);

my ($port, $folder) = @ARGV;
my $server = RPC::XML::Server->new(no_http => 1, no_default => 1);
$server->add_method({name => 'hello', signature => ['string string'],
                     code => sub { "World, in Perl" }});
$server->add_method({name => 'slow', signature => ['string string double'], code => sub {
    my ($self, $token, $seconds) = @_;
    open my $file, '>>', "$folder/perl-$$" or die $!;
    print $file "$token perl 0 0\n";
    close $file;
    sleep $seconds;
    return $token;
}});

my $daemon = HTTP::Daemon->new(LocalAddr => '127.0.0.1', LocalPort => $port, ReuseAddr => 1)
    or die "cannot listen: $!\n";
$SIG{CHLD} = 'IGNORE';
$| = 1;
print "a server in Perl at 127.0.0.1:$port\n";
while (1) {
    my $connection = $daemon->accept or next;
    # The head and the body are two writes: otherwise the second would wait for 40 ms.
    setsockopt $connection, IPPROTO_TCP, TCP_NODELAY, 1;
    if (!fork) {
        while (my $request = $connection->get_request) {
            my $reply = $server->dispatch($request->content)->as_string;
            $connection->send_response(HTTP::Response->new(200, 'OK', [
                'Content-Type' => 'text/xml', 'Content-Length' => length $reply], $reply));
        }
        exit;
    }
    $connection->close;
}
