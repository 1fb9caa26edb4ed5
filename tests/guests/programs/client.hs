-- Calls Ponte with HaXR, the library of Haskell.
--
--     ghc -o client client.hs
--     ./client URL-OF-THE-GREETER URL-OF-THE-VALUES
import qualified Data.ByteString.Char8 as Bytes
import Data.Time (LocalTime (..), TimeOfDay (..), fromGregorian)
import Network.XmlRpc.Client (call)
import Network.XmlRpc.Internals (Value (..), handleError)
import System.Environment (getArgs)
import System.IO.Error (catchIOError, ioeGetErrorString)

check :: (Eq a, Show a) => String -> a -> a -> IO ()
check name found expected
  | found == expected = putStrLn ("ok " ++ name)
  | otherwise = putStrLn ("FAILED " ++ name ++ ": " ++ show found)

main :: IO ()
main = do
  [greeter, values] <- getArgs
  -- An error, such as a fault, is a text here.
  let answer url method parameters =
        handleError fail (call url method parameters)
          `catchIOError` (return . ValueString . ioeGetErrorString)
      ask = answer values
      echo value = ask "echo" [value]
      kind value = ask "kind" [value]
      text = ValueString
  answer greeter "hello" [text "Hello"] >>= flip (check "hello") (text "World")
  -- It reads each byte of UTF-8 as a character.
  echo (text "S\227o <&>") >>= flip (check "text") (text "S\195\163o <&>")
  kind (ValueInt 2147483647) >>= flip (check "int") (text "int 2147483647")
  putStrLn "cannot i8: it does not know the tag"
  small <- ask "small" []
  half <- echo (ValueDouble 0.5)
  check "double" [small, half] [ValueDouble 1e-9, ValueDouble 0.5]
  yes <- kind (ValueBool True)
  no <- echo (ValueBool False)
  check "boolean" [yes, no] [text "bool True", ValueBool False]
  nothing <- ask "nothing" []
  check "nil" nothing ValueNil
  bytes <- ask "all_bytes" []
  two <- kind (ValueBase64 (Bytes.pack "\0\255"))
  check "base64" [bytes, two]
    [ValueBase64 (Bytes.pack ['\0' .. '\255']), text "bytes b'\\x00\\xff'"]
  let leapDay = ValueDateTime (LocalTime (fromGregorian 2024 2 29) (TimeOfDay 13 14 15))
  kind leapDay >>= flip (check "date sent") (text "datetime 2024-02-29T13:14:15")
  ask "leap_day" [] >>= flip (check "date read") leapDay
  let person = ValueStruct [("name", text "Ana"), ("marks", ValueArray [ValueInt 10, text "-"])]
  echo person >>= flip (check "struct") person
  refused <- ask "refuse" [text "no boat left"]
  check "fault" refused (text "Error -32500: ValueError: no boat left")
  ValueString invented <- ask "invented" []
  check "no method" (take 13 invented) "Error -32601:"
  putStrLn "cannot kept: it opens a connection for each call"
  ValueArray methods <- ask "system.listMethods" []
  check "methods" (text "echo" `elem` methods) True
