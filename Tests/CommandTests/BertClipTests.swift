import Foundation
import Testing

extension ProgramTests {
  @Suite("A CLIP with a BERT")
  struct BertClipTests {
    /// Writes a geometry with a BERT, and its vocabulary beside it.
    private func geometry(_ shop: Workshop) throws -> URL {
      try shop.geometry(
        """
        {"projection_dim": 24, "vision_config": {"hidden_size": 32, "intermediate_size": 64,
         "num_hidden_layers": 2, "num_attention_heads": 4, "image_size": 64, "patch_size": 8},
         "text_config": {"hidden_size": 24, "intermediate_size": 32, "num_hidden_layers": 1,
         "num_attention_heads": 2, "vocab_size": 835, "max_position_embeddings": 128,
         "layer_norm_eps": 1e-12, "bert": {"pooler": "cls_last_hidden_state_pooler"}}}
        """, vocabulary: ["wordpiece/whole/tokenizer.json", "wordpiece/whole/tokenizer_config.json"])
    }

    @Test("clip info names it, and clip tokenize reads its vocabulary")
    func words() throws {
      let shop = try Workshop()
      let file = try geometry(shop).path
      let clip = "random:\(file)"
      let info = try Program.run("clip", "info", clip)
      #expect(info.code == 0 && info.out.contains("BERT") && info.out.contains("835 tokens"), "\(info.err)")
      let outcome = try Program.run("clip", "tokenize", clip, "--texts", "Polyp", "polyp", "")
      let ids = try #require(outcome.json() as? [[Int]])
      #expect(ids.count == 3 && ids[0] == ids[1] && ids[2] == [2, 3] && ids[0].first == 2)
      let pretraining = try Program.run(
        "clip", "pretrain", "--geometry", file, "--out", shop.file("clip").path)
      #expect(pretraining.code != 0 && pretraining.err.contains("WordPiece"), "\(pretraining.err)")
    }

    @Test("mcdrl and biomedcoop train with it, and predict", arguments: ["mcdrl", "biomedcoop"])
    func training(_ method: String) throws {
      let shop = try Workshop()
      try shop.expectTraining(method, with: geometry(shop))
    }
  }
}
