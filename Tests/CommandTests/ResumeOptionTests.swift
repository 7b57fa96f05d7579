import Foundation
import Testing

extension ProgramTests {
  @Suite("Options of a resumed run")
  struct ResumeOptionTests {
    @Test("An option that differs from the run is refused by name, with the run's value; an equal one is not")
    func options() throws {
      let shop = try Workshop()
      let words = shop.training("run", epochs: 1, more: ["--seed", "3", "--method", "baseline"])
      try #require(try Program.run(words).code == 0)
      try Data("{ optimizer: { warmup: 0.5 } }".utf8).write(to: shop.file("settings.json5"))
      let prompts = try String(contentsOf: shop.file("run/prompts.json5"), encoding: .utf8)
      try Data(prompts.replacingOccurrences(of: "polyp", with: "wart").utf8).write(
        to: shop.file("wart.json5"))
      try Data(prompts.utf8).write(to: shop.file("same.json5"))
      let before = try Data(contentsOf: shop.file("run/config.json"))

      func resume(_ more: [String]) throws -> Outcome {
        try Program.run(["train", "--out", shop.file("run").path, "--resume", "--threads", "1"] + more)
      }
      let settings = shop.file("settings.json5").path
      for (option, own) in [
        (["--method", "mcdrl"], "model.method = baseline"), (["--seed", "4"], "seed = 3"),
        (["--epochs", "2"], "epochs = 1"), (["--tune", "last-1"], "tune = all"),
        (["--hold-out", "b"], "holdOut = c"), (["--clip", "random:x.json"], "clip = random:"),
        (["--set", "batchSize=4", "optimizer.learningRate=0.5"], "optimizer.learningRate = 0.005"),
        (["--config", settings], "optimizer.warmup = 0.03"),
        (["--prompts", shop.file("wart.json5").path], "run/prompts.json5"),
      ] {
        let outcome = try resume(option)
        #expect(outcome.code == 2, "\(option): \(outcome.code) \(outcome.err)")
        for part in ["mcdrl: \(option[0]) ", option.last ?? "", own, "--out"] {
          #expect(outcome.err.contains(part), "\(part) in \(outcome.err)")
        }
      }
      #expect(try Data(contentsOf: shop.file("run/config.json")) == before)

      // The whole command again, and settings that a later option puts right.
      let same = try Program.run(words + ["--prompts", shop.file("same.json5").path, "--resume"])
      #expect(same.code == 0, "\(same.err)")
      let righted = try resume(["--config", settings, "--set", "optimizer.warmup=0.03"])
      #expect(righted.code == 0, "\(righted.err)")
    }
  }
}
