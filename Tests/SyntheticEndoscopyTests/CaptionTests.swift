import Foundation
import TestSupport
import Testing

@testable import SyntheticEndoscopy

@Suite("Captions")
struct CaptionTests {
  /// The names in `Prompts/endoscopy.json5`.
  struct Prompts: Decodable {
    struct Group: Decodable {
      struct Entry: Decodable { let name: String }
      let confounders: [Entry]
    }
    let classes: [String]
    let groups: [Group]
  }

  func prompts() throws -> Prompts {
    let decoder = JSONDecoder()
    decoder.allowsJSON5 = true
    let file = Project.file("Prompts/endoscopy.json5")
    return try decoder.decode(Prompts.self, from: Data(contentsOf: file))
  }

  @Test("Classes and confounders have the names of the prompt file, in its order")
  func names() throws {
    let prompts = try prompts()
    let entries = prompts.groups.flatMap(\.confounders)
    #expect(LesionClass.allCases.map(\.rawValue) == prompts.classes)
    #expect(Confounder.allCases.map(\.rawValue) == entries.map(\.name))
  }

  @Test("A confounder can be seen from a strength of 0.3 on; captions are asked for with these")
  func visible() throws {
    var draw = Draw(scene: "a", seed: 1, lesion: .cyst, strengths: [.mucus: 0.3, .blur: 1, .blood: 0.29])
    #expect(draw.visibleConfounders == [.blur, .mucus])
    draw.strengths = [:]
    #expect(draw.visibleConfounders == [])
  }
}
