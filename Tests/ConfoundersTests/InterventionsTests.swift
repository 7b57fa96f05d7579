import Foundation
import Testing
import TestSupport
import Torch

@testable import Confounders

@Suite struct InterventionsTests {
  private let prompts: PromptSet

  init() throws {
    prompts = try promptSet([
      ("words", nil, nil), ("dark", .dark, [0.4, 0.6]), ("tint", .tint, nil), ("near", .near, nil),
    ])
  }

  /// The strength of each row's only confounder, and which it is.
  private func rows(_ applied: Tensor) throws -> [(confounder: Int, strength: Float)] {
    let columns = try applied.size(1)
    let values: [Float] = try applied.array()
    return try (0..<values.count / columns).map { row in
      let set = (0..<columns).filter { values[row * columns + $0] != 0 }
      try #require(set.count == 1)
      return (set[0], values[row * columns + set[0]])
    }
  }

  @Test func whatIsSaidToBeAppliedIsWhatChanged() throws {
    let (images, masks) = try someTissue(24, size: 16)
    let interventions = Interventions(prompts)
    #expect(
      interventions.names == ["words", "dark", "tint", "near"] && interventions.available == [1, 2, 3])
    let done = try interventions(images: images, masks: masks, generator: Generator(seed: 4))
    #expect(done.applied.dtype == .float32 && done.applied.shape == [24, 4])
    #expect(done.moved.dtype == .bool && done.moved.shape == [24])
    let moved = try done.moved.to(.float32).floats()
    let brightness = try (done.images.mean([1, 2, 3]) / images.mean([1, 2, 3])).floats()
    let rows = try rows(done.applied)
    #expect(Set(rows.map(\.confounder)) == [1, 2, 3])
    for (index, row) in rows.enumerated() {
      #expect(
        row.strength >= (row.confounder == 1 ? 0.4 : 0.3) && row.strength <= (row.confounder == 1 ? 0.6 : 1))
      #expect(moved[index] == (row.confounder == 3 ? 1 : 0))
      #expect((brightness[index] < 0.8) == (row.confounder == 1), "\(row) \(brightness[index])")
    }
  }

  @Test func aConfounderThatActsByItsWordsIsDrawnAndLeavesTheImage() throws {
    let (images, masks) = try someTissue(24, size: 16)
    let interventions = Interventions(prompts, without: ["dark"], styles: .missing)
    #expect(interventions.available == [0, 1, 2, 3] && interventions.styled == [0, 1])
    let done = try interventions(images: images, masks: masks, generator: Generator(seed: 4))
    let moved = try done.moved.to(.float32).floats()
    for (index, row) in try rows(done.applied).enumerated() {
      let same = try done.images.selected(dim: 0, index: index).isEqual(
        to: images.selected(dim: 0, index: index))
      #expect(same == (row.confounder < 2) && moved[index] == (row.confounder == 3 ? 1 : 0))
    }
    #expect(Interventions(prompts, without: ["dark"], styles: .none).available == [2, 3])
    let all = Interventions(prompts, styles: .all)
    #expect(try all(images: images, masks: masks, generator: Generator(seed: 4)).images.isEqual(to: images))
    #expect(throws: InterventionError.noMechanism(name: "tint")) {
      try all.doing(2, strength: 1, images: images, masks: masks, generator: Generator(seed: 1))
    }
  }

  @Test func onlyMechanismsThatMoveOrHideChangeTheMask() throws {
    let all = Mechanism.allCases
    let interventions = try Interventions(
      promptSet(all.map { ($0.rawValue, $0, nil) } + [("words", nil, nil)]))
    let changing = interventions.names.indices.filter { interventions.changesMask($0) }
    #expect(changing.map { interventions.names[$0] } == ["near", "far", "view-border"])
    #expect(!interventions.changesMask(all.count) && !interventions.changesMask(-1))
  }

  @Test func probabilitiesAreKept() throws {
    let (images, masks) = try someTissue(200, size: 16)
    let interventions = try Interventions(
      promptSet([("words", nil, nil), ("a", .warm, nil), ("b", .dark, nil)]))
    func shares(_ probabilities: [Double]?) throws -> [Double] {
      let done = try interventions(
        images: images, masks: masks, probabilities: probabilities, generator: Generator(seed: 9))
      let drawn = try rows(done.applied)
      return (0..<3).map { index in
        Double(drawn.filter { $0.confounder == index }.count) / 200
      }
    }
    #expect(try shares([0.9, 0, 0.1]) == [0, 0, 1])
    let even = try shares(nil)
    #expect(even[0] == 0 && abs(even[1] - 0.5) < 0.12)
    // Weights need not add up to 1, and what the words would take goes to the others.
    let weighted = try shares([5, 3, 1])
    #expect(weighted[0] == 0 && abs(weighted[1] - 0.75) < 0.1)
  }

  @Test func anImageGetsTheSameWhateverStandsBesideIt() throws {
    let (images, masks) = try someTissue(5, size: 32)
    let interventions = try Interventions(
      promptSet([("a", .mucus, nil), ("b", .unevenLight, nil), ("c", .interlacing, nil)]))
    let all = try interventions(images: images, masks: masks, generator: Generator(seed: 1))
    for count in 1...4 {
      let some = try interventions(
        images: images.narrowed(dim: 0, start: 0, length: count),
        masks: masks.narrowed(dim: 0, start: 0, length: count), generator: Generator(seed: 1))
      #expect(try some.applied.isEqual(to: all.applied.narrowed(dim: 0, start: 0, length: count)))
      #expect(try difference(some.images, all.images.narrowed(dim: 0, start: 0, length: count)) < 1e-4)
    }
    let other = try interventions(images: images, masks: masks, generator: Generator(seed: 2))
    #expect(try !other.applied.isEqual(to: all.applied))
  }

  @Test func everyImageDrawsItsOwnPlace() throws {
    let (one, mask) = try someTissue(1, size: 32)
    let (images, masks) = (try one.tiled([2, 1, 1, 1]), try mask.tiled([2, 1, 1, 1]))
    let done = try Interventions(promptSet([("a", .blood, nil)])).doing(
      0, strength: 0.7, images: images, masks: masks, generator: Generator(seed: 6)
    ).images
    let halves = try done.chunks(2, dim: 0)
    #expect(try difference(halves[0], halves[1]) > 0.05)
  }

  @Test func aSweepSetsOneConfounderEverywhere() throws {
    let (images, masks) = try someTissue(3, size: 16)
    let interventions = Interventions(prompts)
    let done = try interventions.doing(
      3, strength: 0.25, images: images, masks: masks, generator: Generator(seed: 0))
    #expect(try rows(done.applied).allSatisfy { $0.confounder == 3 && $0.strength == 0.25 })
    #expect(try done.moved.to(.float32).floats() == [1, 1, 1])
  }

  @Test func whatCannotBeDoneSaysWhatToDo() throws {
    let (images, masks) = try someTissue(2, size: 16)
    func message(_ body: () throws -> Pictures) -> String {
      (#expect(throws: InterventionError.self) { _ = try body() })?.description ?? ""
    }
    let generator = try Generator(seed: 0)
    let words = try Interventions(promptSet([("words", nil, nil)]))
    #expect(
      message { try words(images: images, masks: masks, generator: generator) }.contains(
        "mechanism: \"blur\""))
    let some = Interventions(prompts)
    #expect(
      message {
        try some(images: images, masks: masks, probabilities: [1, 0, 0, 0], generator: generator)
      }.contains("dark, tint, near"))
    for probabilities in [[1, 1], [0, 1, -1, 1], [0, 1, .nan, 1]] {
      #expect(
        message {
          try some(images: images, masks: masks, probabilities: probabilities, generator: generator)
        }.contains("give 4 numbers"))
    }
    func doing(_ index: Int, _ strength: Double) -> String {
      message {
        try some.doing(index, strength: strength, images: images, masks: masks, generator: generator)
      }
    }
    #expect(doing(0, 0.5).contains("\"words\" has no mechanism") && doing(0, 0.5).contains("narrow-band"))
    #expect(doing(4, 0.5).contains("has 4") && doing(1, 1.5).contains("not from 0 to 1"))
    #expect(throws: TorchError.self) {
      try some(images: images.narrowed(dim: 3, start: 0, length: 8), masks: masks, generator: generator)
    }
  }

  @Test func anEmptyBatchStaysEmpty() throws {
    let done = try Interventions(prompts)(
      images: .zeros([0, 3, 16, 16]), masks: .zeros([0, 1, 16, 16]), generator: Generator(seed: 0))
    #expect(done.images.shape == [0, 3, 16, 16] && done.applied.shape == [0, 4] && done.moved.shape == [0])
  }
}

@Suite struct PromptMechanismTests {
  private static let file = Project.file("Prompts/endoscopy.json5")

  @Test(arguments: [
    (
      "mechanism: \"mucous\"",
      "mechanism: \"mucous\" is not known; did you mean \"mucus\"? Known are blur, interlacing, noise"
    ),
    ("mechanism: 3", "mechanism: must be a text in quotes; it is a number"),
    (
      "mechanism: \"mucus\", strength: [0, 1]",
      "strength: must be the weakest and the strongest, such as [0.3, 1]"
    ),
    ("mechanism: \"mucus\", strength: [0.5, 0.4]", "the weakest first; it is [0.5,0.4]"),
    ("mechanism: \"mucus\", strength: [0.5, 1.1]", "at most 1"),
    ("mechanism: \"mucus\", strength: [0.5]", "strength: must be"),
    ("mechanism: \"mucus\", strength: 0.5", "it is 0.5"),
    ("mechanism: \"mucus\", strength: [\"a\", 1]", "strength: must be"),
    ("strength: [0.3, 1]", "strength: belongs to a mechanism, and there is none"),
    ("mechanisms: \"mucus\"", "the key \"mechanisms\" is not known; did you mean \"mechanism\"?"),
  ])
  func aBadMechanismIsReportedWithItsPlace(keys: String, fault: String) throws {
    let text = try String(contentsOf: Self.file, encoding: .utf8)
    try #require(text.contains("mechanism: \"mucus\""))
    try withFile(text.replacingOccurrences(of: "mechanism: \"mucus\"", with: keys)) { url in
      let error = try #require(throws: PromptError.self) { try PromptSet(contentsOf: url) }
      #expect(error.faults.count == 1 && error.faults[0].place.hasPrefix("groups[4].confounders[0]"))
      #expect(error.description.contains(fault), "\(error)")
    }
  }

  @Test func strengthsAreReadAndHaveADefault() throws {
    let text = try String(contentsOf: Self.file, encoding: .utf8)
    let changed = text.replacingOccurrences(
      of: "mechanism: \"mucus\"", with: "mechanism: \"mucus\", strength: [0.2, 0.5]")
    try withFile(changed) { url in
      let entries = try PromptSet(contentsOf: url).confounders
      #expect(entries[9].mechanism == .mucus && entries[9].strengthRange == 0.2...0.5)
      #expect(entries[10].mechanism == .blood && entries[10].strengthRange == 0.3...1)
    }
  }

  @Test func wordsAloneAreReadAndWrittenAsBefore() throws {
    let old = #"{"name":"blur","text":"blur"}"#
    let entry = try JSONDecoder().decode(PromptSet.Confounder.self, from: Data(old.utf8))
    #expect(entry.mechanism == nil && entry.strength == nil)
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys]
    #expect(String(decoding: try encoder.encode(entry), as: UTF8.self) == old)
  }

  @Test func allTwelveOfEndoscopyCanBeDoneAndNoFileUsesOneTwice() throws {
    let folder = Self.file.deletingLastPathComponent()
    let files = try FileManager.default.contentsOfDirectory(at: folder, includingPropertiesForKeys: nil)
    for file in files where file.pathExtension == "json5" {
      let prompts = try PromptSet(contentsOf: file)
      let mechanisms = prompts.confounders.compactMap(\.mechanism)
      #expect(!mechanisms.isEmpty && Set(mechanisms).count == mechanisms.count, "\(file.path)")
      if file.lastPathComponent.hasPrefix("endoscopy") {
        #expect(mechanisms.count == prompts.confounders.count)
      }
    }
  }
}
