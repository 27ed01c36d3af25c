import com.sun.net.httpserver.HttpServer;
import java.net.*;
import java.nio.file.*;
import java.util.concurrent.*;
class Serve {
  public static void main(String[] args) throws Exception {
    HttpServer server = HttpServer.create(new InetSocketAddress("127.0.0.1", 0), 0);
    server.createContext("/", e -> { e.sendResponseHeaders(200, 2); e.getResponseBody().write("ok".getBytes()); e.close(); });
    ExecutorService pool = Executors.newFixedThreadPool(4);
    server.setExecutor(pool);
    server.start();
    URL url = new URL("http://127.0.0.1:" + server.getAddress().getPort() + "/");
    for (int i = 0; i < 8; i++) url.openStream().readAllBytes();
    Path file = Files.createTempFile("secco", "x");
    Files.writeString(file, "x");
    Files.delete(file);
    try (var list = Files.list(Path.of("/"))) { list.count(); }
    byte[][] waste = new byte[64][];
    for (int i = 0; i < 512; i++) waste[i % 64] = new byte[1 << 20];
    System.gc();
    Thread.sleep(100);
    server.stop(0);
    pool.shutdown();
    System.out.println("served " + waste.length);
  }
}
