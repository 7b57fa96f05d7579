import Foundation
import Testing

extension ProgramTests {
  @Suite("Interruption")
  struct InterruptionTests {
    private static let epochs = 30

    private func weights(_ shop: Workshop, _ run: String) throws -> Data {
      try Data(contentsOf: shop.file("\(run)/model.safetensors"))
    }

    @Test("After kill -9, Ctrl-C and requests to end, --resume ends with the bytes of an uninterrupted run")
    func resumed() throws {
      let shop = try Workshop()
      let whole = try Program.run(shop.training("whole", epochs: Self.epochs))
      try #require(whole.code == 0, "\(whole.err)")
      for (run, number, sign) in [
        ("early", SIGKILL, "config.json"), ("killed", SIGKILL, "metrics.jsonl"),
        ("stopped", SIGINT, "metrics.jsonl"), ("ended", SIGTERM, "metrics.jsonl"),
        ("left", SIGHUP, "metrics.jsonl"),
      ] {
        let process = try Program.start(shop.training(run, epochs: Self.epochs), in: shop.url)
        #expect(shop.wait(for: "\(run)/\(sign)", of: process))
        kill(process.processIdentifier, number)
        process.waitUntilExit()
        if number != SIGKILL {
          #expect(process.terminationReason == .exit && process.terminationStatus == 128 + number)
          let text = try String(contentsOf: shop.file("stderr"), encoding: .utf8)
          #expect(text.contains("--resume"))
        } else {
          #expect(process.terminationReason == .uncaughtSignal)
        }
        let resumed = try Program.run("train", "--out", shop.file(run).path, "--resume", "--threads", "1")
        #expect(resumed.code == 0, "\(run): \(resumed.err)")
        #expect(try weights(shop, run) == weights(shop, "whole"), "\(run)")
      }
    }

    @Test("Resuming where there is no run, or with other epochs, says why not")
    func nothingToResume() throws {
      let shop = try Workshop()
      let nothing = try Program.run("train", "--out", shop.file("none").path, "--resume")
      #expect(nothing.code == 1 && nothing.err.contains(shop.file("none").path))
    }
  }
}
