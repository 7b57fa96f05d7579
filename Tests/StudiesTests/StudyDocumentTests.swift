import Foundation
import Storage
import Testing
import TestSupport
import Torch

@testable import Metrics
@testable import Studies

/// `results.json`, `timing.json` and `images.csv` as files.
@Suite("Documents of a study")
struct StudyDocumentTests {
  static let example = Project.file("Tests/StudiesTests/Fixtures/results.json")

  static func bytes(_ value: some Encodable) throws -> Data {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys]
    return try encoder.encode(value)
  }

  @Test("Results survive JSON, and the same folds give the same bytes in whatever order and time they came")
  func bytes() throws {
    let results = try StudyExample.study()
    #expect(try JSONDecoder().decode(StudyResults.self, from: Self.bytes(results)) == results)
    #expect(try Self.bytes(StudyExample.study()) == Self.bytes(results))
    let folds = try StudyExample.folds()
    let slower = folds.reversed().map {
      FoldResult(
        site: $0.site, method: $0.method, seed: $0.seed, epoch: $0.epoch, validationDice: $0.validationDice,
        validationScore: $0.validationScore,
        chosen: $0.chosen, candidates: $0.candidates, precision: $0.precision, decoding: $0.decoding,
        seconds: $0.seconds + 5, polyp: $0.polyp,
        reliability: $0.reliability, trivial: $0.trivial, images: $0.images)
    }
    let methods = ["baseline", "no-cdrl", "mcdrl"]
    let sorted = slower.sorted { $0.site < $1.site }
    #expect(
      try Self.bytes(StudyExample.results(sorted, methods: methods))
        == Self.bytes(StudyExample.results(folds, methods: methods)))
  }

  @Test("Another seed of the bootstrap changes intervals, not figures")
  func seed() throws {
    let description = StudyExample.description(["baseline", "no-cdrl", "mcdrl"])
    let folds = try StudyExample.folds()
    let (first, second) = try (
      StudyResults(folds: folds, description: description),
      StudyResults(folds: folds, description: description, seed: 1)
    )
    #expect(
      zip(first.differences, second.differences).allSatisfy {
        $0.value == $1.value && $0.wilcoxon == $1.wilcoxon
      })
    #expect(zip(first.differences, second.differences).contains { $0.low != $1.low })
  }

  @Test("The stored example can be read, and is what its folds give today")
  func stored() throws {
    let stored = try Data(contentsOf: Self.example)
    #expect(try JSONDecoder().decode(StudyResults.self, from: stored).methods.count == 3)
    var (old, new) = try (JSONValue(json5: stored), JSONValue(encoding: StudyExample.study()))
    // Another machine is another environment.
    for name in ["environment"] {
      old = old.without(name)
      new = new.without(name)
    }
    #expect(old.difference(from: new) == nil)
  }

  /// `MCDRL_RECORD=1 swift test --filter record` makes the example anew; then validate it with `jsonschema`.
  @Test(.enabled(if: ProcessInfo.processInfo.environment["MCDRL_RECORD"] != nil))
  func record() throws {
    try AtomicFile.write(json: StudyExample.study(), to: Self.example)
  }

  @Test(
    "Every key that is written stands in the schema, which requires no more and has no other"
  )
  func schema() throws {
    let schema = try SchemaCheck(Project.file("docs/reference/results.schema.json"))
    #expect(schema.faults(in: try JSONValue(encoding: StudyExample.study())) == [])
    let oracle = try StudyExample.results(
      ["baseline", "unconfounded", "mcdrl"].flatMap { method in
        try ["a", "b"].map {
          try StudyExample.fold($0, method, dice: [0, 0.5, 1, 1, method == "baseline" ? 0 : 1, 1])
        }
      }, methods: ["baseline", "unconfounded", "mcdrl"])
    #expect(schema.faults(in: try JSONValue(encoding: oracle)) == [] && oracle.recovered?.count == 1)
    #expect(schema.unusedProperties == [])
    let broken = try JSONValue(encoding: StudyExample.study()).without("scores").with("extra", .null)
    #expect(schema.faults(in: broken) == ["extra: not in the schema", "scores: missing"])
  }

  @Test("A fold of an earlier version, which names neither precision nor decoding, is read; results say null")
  func earlierFold() throws {
    let fold = try StudyExample.fold("north", "mcdrl", dice: [1, 0.5])
    let bytes = try Self.bytes(fold)
    #expect(!String(decoding: bytes, as: UTF8.self).contains("precision\":\""))
    let read = try JSONDecoder().decode(FoldResult.self, from: bytes)
    #expect(read == fold && read.precision == nil && read.decoding == nil)
    let folds = try JSONValue(encoding: StudyExample.results([read], methods: ["mcdrl"])).members?["folds"]
    guard case .array(let rows)? = folds else { throw FileError.cannotRead(Self.example, reason: "folds") }
    #expect(rows[0].members?["precision"] == .null && rows[0].members?["decoding"] == .null)
  }

  @Test("Nothing in the results tells the time")
  func timeless() throws {
    let text = String(decoding: try Self.bytes(StudyExample.study()), as: UTF8.self)
    #expect(!text.contains("seconds") && !text.contains("\"date\""))
    let timing = try StudyTiming(folds: StudyExample.folds(), total: 40, workers: 2)
    #expect(timing.folds.map(\.seconds) == Array(repeating: 10, count: 12))
    #expect(try JSONDecoder().decode(StudyTiming.self, from: Self.bytes(timing)) == timing)
  }

  @Test("The table has a row for each image, method and seed")
  func table() throws {
    let folds = try StudyExample.folds()
    let lines = try PerImageTable(folds).csv.split(separator: "\r\n")
    #expect(lines.count == 1 + 2 * 3 * (13 + 12))
    #expect(lines[0].hasPrefix("site,image,group,class,method,seed,dice,iou"))
    #expect(lines[1].hasPrefix("north,north-0,north/0,cyst,baseline,0,"))
  }
}

extension JSONValue {
  fileprivate func without(_ name: String) -> JSONValue {
    guard var members else { return self }
    members[name] = nil
    return .object(members)
  }

  fileprivate func with(_ name: String, _ value: JSONValue) -> JSONValue {
    guard var members else { return self }
    members[name] = value
    return .object(members)
  }

  private var asNumber: Double? {
    switch self {
    case .integer(let value): Double(value)
    case .number(let value): value
    default: nil
    }
  }

  /// Where two documents differ first, numbers beyond their last digits; nil when nowhere.
  fileprivate func difference(from other: JSONValue, at path: String = "") -> String? {
    switch (self, other) {
    case (.object(let mine), .object(let theirs)):
      guard mine.keys.sorted() == theirs.keys.sorted() else { return "keys of \(path)" }
      return mine.keys.sorted().lazy.compactMap { key in
        theirs[key].flatMap { mine[key]?.difference(from: $0, at: "\(path).\(key)") }
      }.first
    case (.array(let mine), .array(let theirs)):
      guard mine.count == theirs.count else { return "count of \(path)" }
      return zip(mine, theirs).enumerated().lazy.compactMap {
        $1.0.difference(from: $1.1, at: "\(path)[\($0)]")
      }.first
    default:
      if let mine = asNumber, let theirs = other.asNumber { return abs(mine - theirs) <= 1e-9 ? nil : path }
      return self == other ? nil : path
    }
  }
}
