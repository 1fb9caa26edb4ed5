#!/bin/sh
# Fetches Ponte's pages with wget. With --spider it asks by HEAD, as many health checks do.
#
#     sh wget.sh URL-OF-THE-GREETER URL-OF-THE-VALUES
greeter=$1 base=${1%/*}
call='<methodCall><methodName>hello</methodName>
<params><param><value>Hello</value></param></params></methodCall>'

# check NAME TEXT ARGUMENT...: what wget prints has this text, and its exit code is 0.
check() {
    name=$1 expected=$2
    shift 2
    printed=$(wget --no-proxy --tries 1 --timeout 5 -O - "$@" 2>&1) || printed="$? $printed"
    case $printed in
        [0-9]*) echo "FAILED $name: $printed" ;;
        *"$expected"*) echo "ok $name" ;;
        *) echo "FAILED $name: $printed" ;;
    esac
}

check hello '<value><string>World</string></value>' -q --header 'Content-Type: text/xml' \
    --post-data "$call" "$greeter"
check pages 'ok' -q "$base/health"
check head 'Remote file exists' --spider "$base/health"
# Three pages over one connection.
check kept 'Reusing existing connection' --spider "$base/health" "$base/status" "$base/metrics"
