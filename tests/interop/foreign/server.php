<?php
// An XML-RPC server in PHP, which knows nothing of Ponte.
//
//     FOLDER=... php -S 127.0.0.1:PORT server.php
//
// PHP's own server ends a reply by closing the connection: whoever reads it cannot tell a whole one
// from one that was cut off. `measured` gives its reply a length, `slow` does not. Both write each
// of their runs into a file of FOLDER, as the services file of the tests does.
$call = file_get_contents('php://input');
preg_match('|<methodName>(\w+)</methodName>.*?<string>([^<]*)</string>|s', $call, $found);
[, $function, $token] = $found + ['', '', ''];
file_put_contents(getenv('FOLDER') . '/php', "$token php 0 0\n", FILE_APPEND);
$reply = "<?xml version='1.0'?><methodResponse><params><param><value><string>$token</string>"
    . '</value></param></params></methodResponse>';
header('Content-Type: text/xml');
if ($function == 'measured') {
    header('Content-Length: ' . strlen($reply));
}
echo $reply;
