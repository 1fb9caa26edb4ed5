# Calls Ponte with Frontier::Client, an old library of Perl.
#
#     perl frontier.pl URL-OF-THE-GREETER URL-OF-THE-VALUES
use strict;
use warnings;
use utf8;
use Encode;
use MIME::Base64;
use Frontier::Client;
binmode STDOUT, ':utf8';

sub check {
    my ($name, $found, $expected) = @_;
    print $found eq $expected ? "ok $name\n" : "FAILED $name: $found\n";
}

my ($greeter, $values) = map { Frontier::Client->new(url => $_, encoding => 'UTF-8') } @ARGV;

sub call { return $values->call(@_) }

# An error becomes an exception, with code and text in one line.
sub fault_of {
    eval { call(@_) };
    return $@ =~ s/\s+/ /gr;
}

check 'hello', $greeter->call('hello', 'Hello'), 'World';
# It takes the bytes of UTF-8, and gives characters.
my $text = 'São Tomé, 日本, 🐘 <&>';
check 'text', call('echo', $values->string(encode 'UTF-8', $text)), $text;
check 'int', call('kind', 2147483647) . ',' . call('echo', -2147483648),
    'int 2147483647,-2147483648';
print "cannot i8: it does not know the tag\n";
check 'double', call('small') + 0 . ',' . call('echo', $values->double(0.1)), '1e-09,0.1';
check 'boolean', call('kind', $values->boolean(1)) . ',' . call('echo', $values->boolean(0))->value,
    'bool True,0';
print "cannot nil: it does not know the tag\n";
# It leaves base64 to its caller.
check 'base64', length(decode_base64 call('all_bytes')->value)
    . call('kind', $values->base64('AP8=')),
    q(256bytes b'\x00\xff');
check 'date sent', call('kind', $values->date_time('20240229T13:14:15')),
    'datetime 2024-02-29T13:14:15';
check 'date read', call('leap_day')->value, '20240229T13:14:15';
my $person = call('echo', {name => 'Ana', marks => [10, 9.5, '-'], address => {city => 'Recife'}});
check 'struct', "$person->{name} @{$person->{marks}} $person->{address}{city}",
    'Ana 10 9.5 - Recife';
check 'fault', fault_of('refuse', 'no boat left') =~ /-32500.*ValueError: no boat left/ ? 1 : $@, 1;
check 'no method', fault_of('invented') =~ /-32601/ ? 1 : $@, 1;
print "cannot kept: it opens a connection for each call\n";
check 'methods', scalar(grep { $_ eq 'echo' } @{call('system.listMethods')}), 1;
