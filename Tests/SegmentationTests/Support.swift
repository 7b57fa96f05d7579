import Foundation
import Testing
import TestSupport
import Torch

@testable import Confounders
@testable import Segmentation

/// A rendering in PyTorch: of the method (Fixtures/make_fixtures.py) or of the peers (make_peers.py,
/// make_gates.py, make_prompt_peers.py).
struct Fixture {
  let tensors: [String: Tensor]
  let part: String

  init(_ part: String, in file: String = "method") throws {
    self.part = part
    let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
    tensors = try SafetensorsFile(folder.appendingPathComponent("Fixtures/\(file).safetensors")).tensors()
  }

  /// A tensor of this part.
  subscript(name: String) -> Tensor {
    get throws { try #require(tensors["\(part).\(name)"]) }
  }

  /// The parameters of this part, by checkpoint key.
  var parameters: [String: Tensor] {
    let prefix = "\(part).parameters."
    return Dictionary(
      uniqueKeysWithValues: tensors.filter { $0.key.hasPrefix(prefix) }
        .map { (String($0.key.dropFirst(prefix.count)), $0.value) })
  }
}

/// Text embeddings on the unit sphere, K classes and M confounders.
func someText(width: Int, classes: Int = 3, confounders: Int = 4) throws -> TextEmbeddings {
  TextEmbeddings(
    classes: try .seeded([classes, width], 101).normalized(), normal: try .seeded([width], 102).normalized(),
    confounders: try .seeded([confounders, width], 103).normalized(),
    joint: try .seeded([classes, confounders, width], 104).normalized(),
    words: ClassWords(
      modality: "endoscopy", classes: Array(["polyp", "ulcer", "cyst"].prefix(classes)),
      normal: ["Normal mucosa", "No lesion"]))
}
