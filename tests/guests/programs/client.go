// Calls Ponte with github.com/kolo/xmlrpc, the usual library of Go.
//
//	GO111MODULE=off GOPATH=/usr/share/gocode go build -o client client.go
//	./client URL-OF-THE-GREETER URL-OF-THE-VALUES
package main

import (
	"encoding/base64"
	"fmt"
	"os"
	"reflect"
	"strings"
	"time"

	"github.com/kolo/xmlrpc"
)

type list = []interface{}
type dict = map[string]interface{}

var greeter, values *xmlrpc.Client

func check(name string, found, expected interface{}) {
	if reflect.DeepEqual(found, expected) {
		fmt.Println("ok", name)
	} else {
		fmt.Printf("FAILED %s: %v\n", name, found)
	}
}

// What a method of values returns; or the error that its call is.
func ask(method string, parameters ...interface{}) interface{} {
	var found interface{}
	if err := values.Call(method, parameters, &found); err != nil {
		return err
	}
	return found
}

// The library hides code and text of a fault in the text of an error.
func isFault(found interface{}, expected string) bool {
	err, _ := found.(error)
	return err != nil && strings.Contains(err.Error(), expected)
}

func main() {
	greeter, _ = xmlrpc.NewClient(os.Args[1], nil)
	values, _ = xmlrpc.NewClient(os.Args[2], nil)
	var world string
	if err := greeter.Call("hello", "Hello", &world); err != nil {
		fmt.Println(err)
	}
	check("hello", world, "World")
	text := "São Tomé, 日本, 🐘 <&>"
	check("text", ask("echo", text), text)
	check("int", list{ask("kind", 2147483647), ask("echo", -2147483648)},
		list{"int 2147483647", int64(-2147483648)})
	// An int of Go has 64 bits, and is written as <int>.
	check("i8", list{ask("big"), ask("kind", 1<<40)}, list{int64(1 << 40), "int 1099511627776"})
	check("double", list{ask("small"), ask("echo", 0.1)}, list{1e-09, 0.1})
	check("boolean", list{ask("kind", true), ask("echo", false)}, list{"bool True", false})
	fmt.Println("cannot nil: it does not know the tag")
	bytes := make([]byte, 256)
	for number := range bytes {
		bytes[number] = byte(number)
	}
	// It leaves base64 to its caller.
	read, _ := base64.StdEncoding.DecodeString(fmt.Sprint(ask("all_bytes")))
	check("base64", list{read, ask("kind", xmlrpc.Base64("AP8="))},
		list{bytes, `bytes b'\x00\xff'`})
	leapDay := time.Date(2024, 2, 29, 13, 14, 15, 0, time.UTC)
	check("date sent", ask("kind", leapDay), "datetime 2024-02-29T13:14:15")
	check("date read", ask("leap_day"), leapDay)
	person := dict{"name": "Ana", "marks": list{int64(10), 9.5, "-"},
		"address": dict{"city": "Recife"}}
	check("struct", ask("echo", person), person)
	check("fault", isFault(ask("refuse", "no boat left"), "Fault(-32500): ValueError: no boat left"),
		true)
	check("no method", isFault(ask("invented"), "Fault(-32601)"), true)
	check("kept", ask("connection"), ask("connection"))
	check("methods", contains(ask("system.listMethods"), "echo"), true)
}

func contains(methods interface{}, name string) bool {
	for _, method := range methods.(list) {
		if method == name {
			return true
		}
	}
	return false
}
