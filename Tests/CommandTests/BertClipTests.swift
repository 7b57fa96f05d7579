import Foundation
import Testing

extension ProgramTests {
  @Suite("A CLIP with a BERT")
  struct BertClipTests {
    /// Writes a geometry with a BERT, and its vocabulary beside it.
    private func geometry(_ shop: Workshop) throws -> String {
      let folder = shop.file("bert")
      try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
      for name in ["tokenizer.json", "tokenizer_config.json"] {
        try FileManager.default.copyItem(
          at: Program.root.appendingPathComponent("Tests/CLIPTests/Fixtures/wordpiece/whole/\(name)"),
          to: folder.appendingPathComponent(name))
      }
      let file = folder.appendingPathComponent("config.json")
      try Data(
        """
        {"projection_dim": 24, "vision_config": {"hidden_size": 32, "intermediate_size": 64,
         "num_hidden_layers": 2, "num_attention_heads": 4, "image_size": 64, "patch_size": 8},
         "text_config": {"hidden_size": 24, "intermediate_size": 32, "num_hidden_layers": 1,
         "num_attention_heads": 2, "vocab_size": 835, "max_position_embeddings": 128,
         "layer_norm_eps": 1e-12, "bert": {"pooler": "cls_last_hidden_state_pooler"}}}
        """.utf8
      ).write(to: file)
      return "random:\(file.path)"
    }

    @Test("clip info names it, and clip tokenize reads its vocabulary")
    func words() throws {
      let shop = try Workshop()
      let clip = try geometry(shop)
      let info = try Program.run("clip", "info", clip)
      #expect(info.code == 0 && info.out.contains("BERT") && info.out.contains("835 tokens"), "\(info.err)")
      let outcome = try Program.run("clip", "tokenize", clip, "--texts", "Polyp", "polyp", "")
      let ids = try #require(outcome.json() as? [[Int]])
      #expect(ids.count == 3 && ids[0] == ids[1] && ids[2] == [2, 3] && ids[0].first == 2)
      let pretraining = try Program.run(
        "clip", "pretrain", "--geometry", String(clip.dropFirst("random:".count)), "--out",
        shop.file("clip").path)
      #expect(pretraining.code != 0 && pretraining.err.contains("WordPiece"), "\(pretraining.err)")
    }

    @Test("mcdrl and biomedcoop train with it, and predict", arguments: ["mcdrl", "biomedcoop"])
    func training(_ method: String) throws {
      let shop = try Workshop()
      let trained = try Program.run(
        shop.training("run", epochs: 1, clip: geometry(shop), more: ["--method", method]))
      #expect(trained.code == 0, "\(trained.err)")
      let evaluated = try Program.run("evaluate", shop.file("run").path)
      #expect(evaluated.code == 0, "\(evaluated.err)")
    }
  }
}
