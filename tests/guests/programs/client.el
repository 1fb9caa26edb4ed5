;;; Calls Ponte with xml-rpc.el, the library of Emacs.  -*- lexical-binding: t -*-
;;
;;     emacs -Q --batch -L FOLDER-OF-XML-RPC -l client.el URL-OF-THE-GREETER URL-OF-THE-VALUES
(require 'xml-rpc)

(defvar greeter (nth 0 command-line-args-left))
(defvar values-url (nth 1 command-line-args-left))
(setq command-line-args-left nil)

(defun say (format &rest values)
  (princ (concat (apply #'format format values) "\n")))

(defun check (name found expected)
  (if (equal found expected) (say "ok %s" name) (say "FAILED %s: %S" name found)))

(defun ask (method &rest parameters)
  (apply #'xml-rpc-method-call values-url method parameters))

;; A fault is an error with one text, and its code is left in a variable.
(defun fault-of (method &rest parameters)
  (condition-case nil (apply #'ask method parameters)
    (error (list xml-rpc-fault-code xml-rpc-fault-string))))

(check "hello" (xml-rpc-method-call greeter "hello" "Hello") "World")
(let ((text "São Tomé, 日本, 🐘 <&>"))
  (check "text" (ask "echo" text) text))
(check "int" (list (ask "kind" 2147483647) (ask "echo" -2147483648))
       '("int 2147483647" -2147483648))
;; An integer of Emacs may be long, and is written as <int>.
(check "i8" (list (ask "big") (ask "kind" 1099511627776)) '(1099511627776 "int 1099511627776"))
(check "double" (list (ask "small") (ask "echo" 0.5)) '(1e-09 0.5))
(check "boolean" (list (ask "kind" t) (ask "echo" nil)) '("bool True" nil))
(say "cannot nil: nil is false in Emacs, and read as an empty text")
(check "base64" (list (length (cadr (ask "all_bytes"))) (ask "kind" (list :base64 "\0\377")))
       '(256 "bytes b'\\x00\\xff'"))
(let ((leap-day (encode-time '(15 14 13 29 2 2024 nil -1 nil))))
  (check "date sent" (ask "kind" (list :datetime leap-day)) "datetime 2024-02-29T13:14:15")
  (check "date read" (format-time-string "%FT%T" (cadr (ask "leap_day"))) "2024-02-29T13:14:15"))
(let ((person '(("name" . "Ana") ("marks" 10 9.5 "-") ("city" . "Recife"))))
  (check "struct" (ask "echo" person) person))
(check "fault" (fault-of "refuse" "no boat left") '(-32500 "ValueError: no boat left"))
(check "no method" (car (fault-of "invented")) -32601)
(say "cannot kept: it opens a connection for each call")
(check "methods" (and (member "echo" (ask "system.listMethods")) t) t)
