<?php
// Calls Ponte with PHP's extension xmlrpc: it writes and reads the XML, and PHP carries it.
//
//     php client.php URL-OF-THE-GREETER URL-OF-THE-VALUES

const OPTIONS = ['encoding' => 'utf-8', 'escaping' => ['markup']];

function call(string $url, string $method, ...$arguments) {
    $request = xmlrpc_encode_request($method, $arguments, OPTIONS);
    $context = stream_context_create(['http' => [
        'method' => 'POST', 'header' => 'Content-Type: text/xml', 'content' => $request]]);
    return xmlrpc_decode(file_get_contents($url, false, $context), 'utf-8');
}

function check(string $name, $found, $expected) {
    echo $found === $expected ? "ok $name\n" : "FAILED $name: " . json_encode($found) . "\n";
}

function typed(string $text, string $type) {
    xmlrpc_set_type($text, $type);
    return $text;
}

[, $greeter, $values] = $argv;
// $ask('echo', 1) calls values.
$ask = fn(string $method, ...$arguments) => call($values, $method, ...$arguments);

check('hello', call($greeter, 'hello', 'Hello'), 'World');
$text = 'São Tomé, 日本, 🐘 <&>';
check('text', $ask('echo', $text), $text);
check('int', [$ask('kind', 2147483647), $ask('echo', -2147483648)],
      ['int 2147483647', -2147483648]);
echo "cannot i8: it does not know the tag\n";
check('double', [$ask('small'), $ask('echo', 0.1)], [1e-09, 0.1]);
check('boolean', [$ask('kind', true), $ask('echo', false)], ['bool True', false]);
echo "cannot nil: it reads each tag that it does not know as null\n";
check('base64', [$ask('all_bytes')->scalar, $ask('kind', typed("\0\xff", 'base64'))],
      [implode(array_map('chr', range(0, 255))), "bytes b'\\x00\\xff'"]);
check('date sent', $ask('kind', typed('20240229T13:14:15', 'datetime')),
      'datetime 2024-02-29T13:14:15');
check('date read', $ask('leap_day')->scalar, '20240229T13:14:15');
$person = ['name' => 'Ana', 'marks' => [10, 9.5, '-'], 'address' => ['city' => 'Recife']];
check('struct', $ask('echo', $person), $person);
check('fault', $ask('refuse', 'no boat left'),
      ['faultCode' => -32500, 'faultString' => 'ValueError: no boat left']);
check('no method', $ask('invented')['faultCode'], -32601);
echo "cannot kept: file_get_contents opens a connection for each call\n";
check('methods', in_array('echo', $ask('system.listMethods')), true);
