import Foundation
import Testing

@testable import SyntheticEndoscopy

@Suite("Captions")
struct CaptionTests {
  /// The words of `Prompts/endoscopy.json5`.
  struct Prompts: Decodable {
    struct Group: Decodable {
      struct Entry: Decodable {
        let name: String
        let text: String
      }
      let confounders: [Entry]
    }
    let classes: [String]
    let normal: [String]
    let templates: [String: String]
    let groups: [Group]
  }

  func prompts() throws -> Prompts {
    let root = URL(fileURLWithPath: #filePath)
      .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
    let decoder = JSONDecoder()
    decoder.allowsJSON5 = true
    let file = root.appendingPathComponent("Prompts/endoscopy.json5")
    return try decoder.decode(Prompts.self, from: Data(contentsOf: file))
  }

  @Test("Classes and confounders have the names and words of the prompt file, in its order")
  func names() throws {
    let prompts = try prompts()
    let entries = prompts.groups.flatMap(\.confounders)
    #expect(LesionClass.allCases.map(\.rawValue) == prompts.classes)
    #expect(Confounder.allCases.map(\.rawValue) == entries.map(\.name))
    #expect(Confounder.allCases.map(\.words) == entries.map(\.text))
  }

  @Test("Captions are the prompt file's sentences, for what can be seen")
  func sentences() throws {
    let prompts = try prompts()
    func filled(_ template: String, _ lesion: LesionClass?, _ confounder: Confounder?) throws -> String {
      try #require(prompts.templates[template])
        .replacingOccurrences(of: "{class}", with: lesion?.rawValue ?? "")
        .replacingOccurrences(of: "{domain}", with: confounder?.words ?? "")
    }
    for lesion in LesionClass.allCases {
      for confounder in Confounder.allCases {
        var draw = Draw(scene: "a", seed: 1, lesion: lesion, strengths: [confounder: 0.3])
        #expect(
          draw.captions == [
            try filled("class", lesion, nil), try filled("confounder", nil, confounder),
            try filled("joint", lesion, confounder),
          ])
        draw.strengths[confounder] = 0.29
        #expect(draw.captions == [try filled("class", lesion, nil)])
      }
    }
    let normal = Draw(scene: "a", seed: 1, lesion: nil, strengths: [.mucus: 1])
    #expect(normal.captions == prompts.normal + ["An endoscopy image with mucus"])
  }
}
