import Foundation
import Testing

#if os(Linux)
  extension ProgramTests {
    @Suite("Bounded")
    struct BoundedTests {
      /// The system ends a command that takes more memory or computing time than its row allows.
      ///
      /// `MCDRL_BOUNDED` names a program to measure, such as the optimised one; its rows of the table in
      /// docs/reference/limits.md are then printed, by Python, which knows the peak of a child.
      @Test(
        "Hostile input takes bounded memory and time, and errors name the file", arguments: HostileInput.all)
      func bounded(input: HostileInput) throws {
        let folder = FileManager.default.temporaryDirectory
          .appendingPathComponent("hostile-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        var words = try input.prepare(folder)
        let measured = HostileInput.measured
        words.insert(measured ?? Program.root.appendingPathComponent(".build/debug/mcdrl").path, at: 0)
        let usage = folder.appendingPathComponent("usage")
        if measured != nil { words = ["python3", "-c", Self.measurement, usage.path] + words }
        let limits = "ulimit -v \(input.memory * 1024) && ulimit -t \(input.seconds) && ulimit -c 0"
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/bin/sh")
        process.arguments = ["-c", "\(limits) && exec \"$@\"", "sh"] + words
        process.currentDirectoryURL = Program.root
        let messages = folder.appendingPathComponent("messages")
        try Data().write(to: messages)
        process.standardInput = FileHandle.nullDevice
        process.standardOutput = FileHandle.nullDevice
        process.standardError = try FileHandle(forWritingTo: messages)
        try process.run()
        process.waitUntilExit()
        let message = try String(contentsOf: messages, encoding: .utf8)
        #expect(process.terminationReason == .exit, "\(message.suffix(500))")
        #expect(
          process.terminationStatus == (input.refused == nil ? 0 : 1),
          "\(process.terminationStatus): \(message.suffix(500))")
        if let part = input.refused { #expect(message.contains(part), "\(message.suffix(500))") }
        // A message repeats no whole file.
        #expect(message.utf8.count < 1_000_000)
        if measured != nil {
          let result = input.refused == nil ? "read" : "refused"
          print("| \(input.row) | \(result) | \(try String(contentsOf: usage, encoding: .utf8)) |")
        }
      }

      private static let measurement = """
        import resource, subprocess, sys
        code = subprocess.call(sys.argv[2:])
        use = resource.getrusage(resource.RUSAGE_CHILDREN)
        with open(sys.argv[1], "w") as file:
            file.write(f"{use.ru_maxrss * 1024 / 1e6:.0f} MB | {use.ru_utime + use.ru_stime:.1f} s")
        sys.exit(code if code >= 0 else 128 - code)
        """
    }
  }
#endif
