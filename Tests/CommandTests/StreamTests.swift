import Foundation
import Testing

extension ProgramTests {
  @Suite("Streams that cannot be written", .enabled(if: FileManager.default.fileExists(atPath: "/dev/full")))
  struct StreamTests {
    /// Calls the program in a shell with redirections; returns its exit code.
    private func code(_ words: [String], _ redirections: String, in shop: Workshop) throws -> (Int32, String)
    {
      let shell = Process()
      shell.executableURL = URL(fileURLWithPath: "/bin/sh")
      shell.currentDirectoryURL = Program.root
      shell.arguments = ["-c", "\"$@\" \(redirections)", "sh", ".build/debug/mcdrl"] + words
      let messages = shop.file("messages")
      try Data().write(to: messages)
      (shell.standardOutput, shell.standardError) = (
        FileHandle.nullDevice, try FileHandle(forWritingTo: messages)
      )
      try shell.run()
      shell.waitUntilExit()
      #expect(shell.terminationReason == .exit)
      return (shell.terminationStatus, try String(contentsOf: messages, encoding: .utf8))
    }

    @Test("Messages that cannot be written change neither the work nor the exit code")
    func messages() throws {
      let shop = try Workshop()
      for redirection in ["2>/dev/full", "2>&-"] {
        #expect(try code(["nosuch"], redirection, in: shop).0 == 2)
      }
      for (name, redirection) in [("full", "2>/dev/full"), ("closed", "2>&-")] {
        let words = shop.training(name, epochs: 2)
        #expect(try code(words, redirection, in: shop).0 == 0, "\(redirection)")
      }
      let weights = try ["full", "closed"].map {
        try Data(contentsOf: shop.file("\($0)/model.safetensors"))
      }
      #expect(weights[0] == weights[1])
      let image = shop.data.appendingPathComponent("c/images/0.png").path
      for redirection in ["2>/dev/full", "2>&-"] {
        let words = ["predict", shop.file("full").path, image, "--out", shop.file("masks").path]
        #expect(try code(words, redirection, in: shop).0 == 0)
      }
    }

    @Test("Results that cannot be written are an error; the reader of a pipe that ended is told nothing")
    func results() throws {
      let shop = try Workshop()
      let mask = shop.data.appendingPathComponent("a/masks/0.png").path
      for words in [["--help"], ["metrics", "--prediction", mask, "--reference", mask, "--json"]] {
        for redirection in [">/dev/full", ">&-"] {
          let (code, text) = try code(words, redirection, in: shop)
          #expect(code == 1 && text.contains("mcdrl: standard output: "), "\(redirection): \(text)")
        }
      }
      let (process, pipe, messages) = (Process(), Pipe(), shop.file("none"))
      try Data().write(to: messages)
      process.executableURL = Program.root.appendingPathComponent(".build/debug/mcdrl")
      process.arguments = ["--help"]
      (process.standardOutput, process.standardError) = (pipe, try FileHandle(forWritingTo: messages))
      try pipe.fileHandleForReading.close()
      try process.run()
      process.waitUntilExit()
      #expect(process.terminationReason == .exit && process.terminationStatus == 1)
      #expect(try Data(contentsOf: messages).isEmpty)
    }

    @Test("A closed stream does not give its number to a file of data")
    func numbers() throws {
      let shop = try Workshop()
      #expect(try code(shop.training("open", epochs: 1), "", in: shop).0 == 0)
      #expect(try code(shop.training("closed", epochs: 1), "<&- >&- 2>&-", in: shop).0 == 1)
      for name in ["model.safetensors", "prompts.json5", "clip.json"] {
        let files = try ["open", "closed"].map { try Data(contentsOf: shop.file("\($0)/\(name)")) }
        #expect(files[0] == files[1], "\(name)")
      }
    }
  }
}
