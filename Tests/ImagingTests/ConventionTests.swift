import Foundation
import Testing

@testable import Imaging

/// Files as different writers make them, read as Pillow reads them; Fixtures/make_conventions.py made the table.
@Suite("Conventions of writers")
struct ConventionTests {
  struct Case: Decodable, CustomTestStringConvertible {
    let name: String
    let file: String
    let error: String?
    let width: Int?
    let height: Int?
    let channels: Int?
    let tolerance: Int?
    let samples: String?

    var testDescription: String { name }
  }

  struct Table: Decodable {
    let cases: [Case]
    let samples: [String: String]
  }

  static let table: Table = {
    do {
      let data = try Data(contentsOf: Fixtures.url("conventions.json"))
      return try JSONDecoder().decode(Table.self, from: data)
    } catch {
      fatalError("Fixtures/conventions.json: \(error); run make_conventions.py")
    }
  }()

  private func bytes(_ text: String?) throws -> [UInt8] {
    [UInt8](try #require(Data(base64Encoded: text ?? "")))
  }

  @Test("A file reads as in Pillow", arguments: table.cases.filter { $0.error == nil })
  func reads(example: Case) throws {
    let found = try ImageFile.decode(try bytes(example.file), file: example.name)
    let stored = Self.table.samples[example.samples ?? ""]
    let wanted = try Image(
      width: example.width ?? 0, height: example.height ?? 0, channels: example.channels ?? 0,
      pixels: try bytes(stored))
    #expect((found.width, found.height) == (wanted.width, wanted.height))
    // A file of three equal channels may read as grey.
    let worst = zip(found.rgb.pixels, wanted.rgb.pixels).map { abs(Int($0) - Int($1)) }.max()
    #expect(try #require(worst) <= example.tolerance ?? 0)
  }

  @Test("Damage and other colour spaces are refused", arguments: table.cases.filter { $0.error != nil })
  func refuses(example: Case) throws {
    let error = #expect(throws: ImagingError.self) {
      try ImageFile.decode(try bytes(example.file), file: example.name)
    }
    switch error {
    case .damaged(let file, _, let reason)?:
      #expect(example.error == "damaged" && file == example.name && !reason.isEmpty)
    case .unsupported(let file, _, let reason)?:
      #expect(example.error == "unsupported" && file == example.name && !reason.isEmpty)
    default: Issue.record("\(example.name): \(String(describing: error))")
    }
  }
}
