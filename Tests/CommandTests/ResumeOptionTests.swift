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
        (["--set", "epochs=2"], "epochs = 1"), (["--tune", "last-1"], "tune = all"),
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

    @Test("Multiples were taken when the run was started and are not taken again, nor refused")
    func multiples() throws {
      let shop = try Workshop()
      let words = shop.training("run", epochs: 1, more: ["--method", "longer-baseline"])
      try #require(try Program.run(words).code == 0)
      let config = try String(contentsOf: shop.file("run/config.json"), encoding: .utf8)
      try #require(config.contains("\"epochs\" : 2"))
      func resume(_ more: [String]) throws -> Outcome {
        try Program.run(["train", "--out", shop.file("run").path, "--resume", "--threads", "1"] + more)
      }
      for more in [
        ["--method", "longer-baseline"], ["--set", "epochs*=2"], ["--epochs", "1", "--set", "epochs*=2"],
      ] {
        let outcome = try resume(more)
        #expect(outcome.code == 0, "\(more): \(outcome.err)")
      }
      let whole = try Program.run(words + ["--resume"])
      #expect(whole.code == 0, "\(whole.err)")
      // Where the options say what is multiplied, the product is compared.
      let other = try resume(["--epochs", "3", "--method", "longer-baseline"])
      #expect(other.code == 2 && other.err.contains("epochs = 2"), "\(other.err)")
      let method = try resume(["--method", "mcdrl:epochs*=2"])
      #expect(method.code == 2 && method.err.contains("model.method = baseline"), "\(method.err)")
    }
  }
}
