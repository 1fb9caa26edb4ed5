# Calls Ponte with RPC::XML::Client, the usual library of Perl.
#
#     perl rpc_xml.pl URL-OF-THE-GREETER URL-OF-THE-VALUES
use strict;
use warnings;
use utf8;
use Encode;
use MIME::Base64;
use RPC::XML;
use RPC::XML::Client;
binmode STDOUT, ':utf8';

$RPC::XML::ENCODING = 'utf-8';
$RPC::XML::ALLOW_NIL = 1;

sub check {
    my ($name, $found, $expected) = @_;
    print $found eq $expected ? "ok $name\n" : "FAILED $name: $found\n";
}

my ($greeter, $values) = map { RPC::XML::Client->new($_, useragent => [keep_alive => 1]) } @ARGV;

# The answer as an object of the library, which a fault is, too.
sub ask { return $values->send_request(@_) }
sub call { return ask(@_)->value }

check 'hello', $greeter->simple_request('hello', 'Hello'), 'World';
# This library takes and gives text as the bytes of its UTF-8.
my $text = encode('UTF-8', 'São Tomé, 日本, 🐘 <&>');
check 'text', encode('UTF-8', decode('UTF-8', call('echo', RPC::XML::string->new($text)))), $text;
check 'int', call('kind', RPC::XML::int->new(2147483647)) . ',' . call('echo', -2147483648),
    'int 2147483647,-2147483648';
check 'i8', call('big') . ',' . call('kind', RPC::XML::i8->new(2**40)),
    '1099511627776,int 1099511627776';
check 'double', call('small') + 0 . ',' . call('echo', RPC::XML::double->new(0.1)), '1e-09,0.1';
check 'boolean', call('kind', RPC::XML::boolean->new('true')) . ','
    . call('echo', RPC::XML::boolean->new('false')), 'bool True,0';
check 'nil', (defined call('nothing') ? 'a value' : 'nil') . ',' . call('kind', RPC::XML::nil->new),
    'nil,NoneType None';
check 'base64', encode_base64(call('all_bytes')) . call('kind', RPC::XML::base64->new("\0\xff")),
    encode_base64(join '', map { chr } 0 .. 255) . q(bytes b'\x00\xff');
check 'date sent', call('kind', RPC::XML::datetime_iso8601->new('2024-02-29T13:14:15')),
    'datetime 2024-02-29T13:14:15';
check 'date read', call('leap_day'), '20240229T13:14:15';
my $person = call('echo', {name => 'Ana', marks => [10, 9.5, '-'], address => {city => 'Recife'}});
check 'struct', "$person->{name} @{$person->{marks}} $person->{address}{city}",
    'Ana 10 9.5 - Recife';
my $fault = ask('refuse', 'no boat left');
check 'fault', $fault->code . ' ' . $fault->string, '-32500 ValueError: no boat left';
check 'no method', ask('invented')->code, -32601;
check 'kept', call('connection'), call('connection');
check 'methods', scalar(grep { $_ eq 'echo' } @{call('system.listMethods')}), 1;
