(* Calls Ponte with XmlRpc-Light, a library of OCaml.

     ocamlfind ocamlopt -package xmlrpc-light -linkpkg -o client client.ml
     ./client URL-OF-THE-GREETER URL-OF-THE-VALUES *)
let greeter = new XmlRpc.client Sys.argv.(1)
let values = new XmlRpc.client Sys.argv.(2)
let ask = values#call

let check name found expected =
  print_endline (if found = expected then "ok " ^ name
                 else "FAILED " ^ name ^ ": " ^ XmlRpc.dump found)

let fault_of name parameters =
  try ask name parameters with
    XmlRpc.Error (code, text) -> `Array [`Int code; `String text]

let code = function `Array (code :: _) -> code | other -> other
let kind value = ask "kind" [value]
let echo value = ask "echo" [value]

let () =
  check "hello" (greeter#call "hello" [`String "Hello"]) (`String "World");
  let text = `String "São Tomé, 日本, 🐘 <&>" in
  check "text" (echo text) text;
  check "int" (kind (`Int 2147483647)) (`String "int 2147483647");
  print_endline "cannot i8: it does not know the tag";
  check "double" (`Array [ask "small" []; echo (`Double 0.5)])
    (`Array [`Double 1e-09; `Double 0.5]);
  check "boolean" (`Array [kind (`Boolean true); echo (`Boolean false)])
    (`Array [`String "bool True"; `Boolean false]);
  check "nil" (`Array [ask "nothing" []; kind `Nil]) (`Array [`Nil; `String "NoneType None"]);
  check "base64" (`Array [ask "all_bytes" []; kind (`Binary "\000\255")])
    (`Array [`Binary (String.init 256 Char.chr); `String "bytes b'\\x00\\xff'"]);
  (* It writes the zone: 20240229T13:14:15-05:00. *)
  check "date sent" (kind (`DateTime (2024, 2, 29, 13, 14, 15, -300)))
    (`String "datetime 2024-02-29T13:14:15-05:00");
  check "date read" (ask "leap_day" []) (`DateTime (2024, 2, 29, 13, 14, 15, 0));
  let person = `Struct ["name", `String "Ana"; "marks", `Array [`Int 10; `Double 9.5; `String "-"];
                        "address", `Struct ["city", `String "Recife"]] in
  check "struct" (echo person) person;
  check "fault" (fault_of "refuse" [`String "no boat left"])
    (`Array [`Int (-32500); `String "ValueError: no boat left"]);
  check "no method" (code (fault_of "invented" [])) (`Int (-32601));
  print_endline "cannot kept: it opens a connection for each call";
  match ask "system.listMethods" [] with
  | `Array names -> check "methods" (`Boolean (List.mem (`String "echo") names)) (`Boolean true)
  | other -> check "methods" other (`Array [])
