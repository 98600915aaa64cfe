import java.nio.file.*;
import java.util.*;
import java.util.concurrent.*;
import java.util.stream.*;

/** Java, compiled at start: threads, files, processes, streams, the garbage collector, time zones. */
public class Program {
    public static void main(String[] arguments) throws Exception {
        var pool = Executors.newFixedThreadPool(4);
        var futures = IntStream.range(0, 10).mapToObj(n -> pool.submit(() -> n * n)).collect(Collectors.toList());
        for (var future : futures) System.out.print(future.get() + " ");
        pool.shutdown();
        System.out.println(IntStream.range(0, 1000000).parallel().sum());
        Files.write(Path.of("lines"), List.of("one", "two", "drei ü"));
        System.out.println(Files.readAllLines(Path.of("lines")));
        var process = new ProcessBuilder("sh", "-c", "echo child; exit 3").start();
        System.out.println(new String(process.getInputStream().readAllBytes()).trim() + process.waitFor());
        long total = 0;
        for (int n = 0; n < 2000; n++) total += new byte[100000].length;
        System.gc();
        System.out.println(total + " " + java.time.Instant.EPOCH.atZone(java.time.ZoneId.of("Asia/Tokyo")));
        var digest = java.security.MessageDigest.getInstance("SHA-256").digest("text".getBytes());
        System.out.println(HexFormat.of().formatHex(digest) + " " + System.getProperty("user.dir"));
        System.out.println(String.format(Locale.GERMANY, "%,.2f", 1234567.891) + " " + System.getProperty("os.name"));
    }
}
