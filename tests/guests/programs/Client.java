// Calls Ponte with aXMLRPC, a library of Java and Android.
//
//     java -cp /usr/share/java/axmlrpc.jar Client.java URL-OF-THE-GREETER URL-OF-THE-VALUES
import de.timroes.axmlrpc.XMLRPCClient;
import de.timroes.axmlrpc.XMLRPCServerException;
import java.net.URL;
import java.util.Arrays;
import java.util.Date;
import java.util.GregorianCalendar;
import java.util.List;
import java.util.Map;
import java.util.Objects;

public class Client {
    static XMLRPCClient values;

    static void check(String name, Object found, Object expected) {
        System.out.println(Objects.deepEquals(found, expected) ? "ok " + name
                                                              : "FAILED " + name + ": " + found);
    }

    static Object ask(String method, Object... parameters) throws Exception {
        return values.call(method, parameters);
    }

    static XMLRPCServerException faultOf(String method, Object... parameters) throws Exception {
        try {
            values.call(method, parameters);
        } catch (XMLRPCServerException fault) {
            return fault;
        }
        throw new Exception("no fault");
    }

    public static void main(String[] arguments) throws Exception {
        XMLRPCClient greeter = new XMLRPCClient(new URL(arguments[0]));
        values = new XMLRPCClient(new URL(arguments[1]),
                                  XMLRPCClient.FLAGS_8BYTE_INT | XMLRPCClient.FLAGS_NIL);
        check("hello", greeter.call("hello", "Hello"), "World");
        String text = "São Tomé, 日本, 🐘 <&>";
        check("text", ask("echo", text), text);
        check("int", ask("kind", 2147483647), "int 2147483647");
        check("i8", List.of(ask("big"), ask("kind", 1L << 40)),
              List.of(1L << 40, "int 1099511627776"));
        check("double", List.of(ask("small"), ask("echo", 0.1)), List.of(1e-09, 0.1));
        check("boolean", List.of(ask("kind", true), ask("echo", false)),
              List.of("bool True", false));
        check("nil", ask("nothing"), null);
        byte[] bytes = (byte[]) ask("all_bytes");
        check("base64", List.of(bytes.length, ask("kind", new byte[] {0, -1})),
              List.of(256, "bytes b'\\x00\\xff'"));
        // It writes 20240229T131415, without the colons.
        Date leapDay = new GregorianCalendar(2024, 1, 29, 13, 14, 15).getTime();
        check("date sent", ask("kind", leapDay), "datetime 2024-02-29T13:14:15");
        check("date read", ask("leap_day"), leapDay);
        Map<?, ?> person = (Map<?, ?>) ask("echo", Map.of(
            "name", "Ana", "marks", new Object[] {10, 9.5, "-"},
            "address", Map.of("city", "Recife")));
        check("struct", List.of(person.get("name"), Arrays.asList((Object[]) person.get("marks")),
                                person.get("address")),
              List.of("Ana", List.of(10, 9.5, "-"), Map.of("city", "Recife")));
        XMLRPCServerException refused = faultOf("refuse", "no boat left");
        check("fault", refused.getErrorNr() + " " + refused.getMessage(),
              "-32500 ValueError: no boat left [-32500]");
        check("no method", faultOf("invented").getErrorNr(), -32601);
        check("kept", ask("connection"), ask("connection"));
        Object[] methods = (Object[]) ask("system.listMethods");
        check("methods", Arrays.asList(methods).contains("echo"), true);
    }
}
