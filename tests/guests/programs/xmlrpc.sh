#!/bin/sh
# Calls Ponte with the command-line tool of xmlrpc-c.
#
#     sh xmlrpc.sh URL-OF-THE-GREETER URL-OF-THE-VALUES
greeter=$1 values=$2
export LC_ALL=C.UTF-8

# check NAME TEXT URL METHOD PARAMETER...: the tool prints a result that has this text.
check() {
    name=$1 expected=$2
    shift 2
    printed=$(xmlrpc "$@" 2>&1)
    case $printed in
        *"$expected"*) echo "ok $name" ;;
        *) echo "FAILED $name: $printed" ;;
    esac
}

check hello "String: 'World'" "$greeter" hello s/Hello
# It prints the bytes of UTF-8 by their numbers.
check text "String: 'S\\xc3\\xa3o <&>'" "$values" echo 's/São <&>'
check int 'int 2147483647' "$values" kind i/2147483647
check i8 '64-bit integer: 1099511627776' "$values" echo I/1099511627776
check double 'Floating Point: 0.5' "$values" echo d/0.5
check boolean 'bool True' "$values" kind b/true
check nil 'NoneType None' "$values" kind n/
check base64 'Bit string: 00ff' "$values" echo h/00ff
echo 'cannot date sent: it writes none'
check 'date read' 'datetime value' "$values" leap_day
echo 'cannot struct: it takes single values only'
check fault 'ValueError: no boat left.  (XML-RPC fault code -32500)' \
    "$values" refuse 's/no boat left'
check 'no method' 'fault code -32601' "$values" invented
echo 'cannot kept: it makes one call'
check methods "String: 'echo'" "$values" system.listMethods
