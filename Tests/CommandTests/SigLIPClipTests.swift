import Foundation
import Testing

extension ProgramTests {
  @Suite("A SigLIP")
  struct SigLIPClipTests {
    /// Writes a geometry of a SigLIP, and a vocabulary beside it.
    private func geometry(_ shop: Workshop) throws -> URL {
      try shop.geometry(
        """
        {"model_type": "siglip", "vision_config": {"hidden_size": 32, "intermediate_size": 64,
         "num_hidden_layers": 2, "num_attention_heads": 4, "image_size": 64, "patch_size": 8},
         "text_config": {"hidden_size": 32, "intermediate_size": 32, "num_hidden_layers": 1,
         "num_attention_heads": 2, "vocab_size": 418, "max_position_embeddings": 128}}
        """, vocabulary: ["subwords/canonical/spiece.model", "subwords/canonical/tokenizer_config.json"])
    }

    @Test("clip info names it, clip tokenize reads its vocabulary, and clip pretrain refuses it")
    func words() throws {
      let shop = try Workshop()
      let file = try geometry(shop).path
      let clip = "random:\(file)"
      let info = try Program.run("clip", "info", clip)
      #expect(
        info.code == 0 && info.out.contains("SigLIP's transformer") && info.out.contains("418 tokens"),
        "\(info.err)")
      let outcome = try Program.run("clip", "tokenize", clip, "--texts", "Polyp!", "polyp", "")
      let ids = try #require(outcome.json() as? [[Int]])
      #expect(ids.count == 3 && ids[0] == ids[1] && ids[2] == [1] && ids[0].last == 1)
      let pretraining = try Program.run(
        "clip", "pretrain", "--geometry", file, "--out", shop.file("clip").path)
      #expect(
        pretraining.code != 0 && pretraining.err.contains("model_type is \"siglip\""), "\(pretraining.err)")
    }

    @Test("mcdrl and biomedcoop train with it, and predict", arguments: ["mcdrl", "biomedcoop"])
    func training(_ method: String) throws {
      let shop = try Workshop()
      try shop.expectTraining(method, with: geometry(shop))
    }
  }
}
