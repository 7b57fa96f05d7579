import Foundation
import Storage
import TestSupport
import Testing

@testable import Confounders

@Suite("Candidate phrases")
struct CandidatePhrasesTests {
  private let folder = Result { try TemporaryFolder("phrases") }

  private func file(_ text: String) throws -> URL {
    let url = try folder.get().file("phrases.txt")
    try Data(text.utf8).write(to: url)
    return url
  }

  @Test("A file has one phrase a line; comments and empty lines do not count")
  func lines() throws {
    let url = try file("# Colours\n\n  a purple tint \r\nfoam\n#foam\n")
    #expect(try CandidatePhrases.read(url) == ["a purple tint", "foam"])
  }

  @Test("A file without a phrase, with a long one, or that is no text is refused by its name")
  func faults() throws {
    for (text, part) in [
      ("", "holds no phrase"), ("# only a comment\n\n", "holds no phrase"),
      ("foam\n" + String(repeating: "a", count: 201), "line 2 has 201 characters"),
      (String(repeating: "foam\n", count: 2001), "holds 2001 phrases"),
    ] {
      let url = try file(text)
      let error = #expect(throws: PhraseError.self) { try CandidatePhrases.read(url) }
      #expect(error?.description.hasPrefix(url.path) == true && error?.description.contains(part) == true)
    }
    let url = try file("")
    try Data([0xFF, 0xFE, 0x41]).write(to: url)
    #expect(throws: PhraseError.self) { try CandidatePhrases.read(url) }
    try Data(repeating: 0x61, count: (1 << 20) + 1).write(to: url)
    #expect(throws: FileError.self) { try CandidatePhrases.read(url) }
    #expect(throws: FileError.self) { try CandidatePhrases.read(url.appendingPathExtension("no")) }
  }

  @Test("Candidates are different, leave out the entries, and have the other files of the modality")
  func all() throws {
    let small = try PromptSet(.endoscopy)
    let phrases = try CandidatePhrases.all(beside: small, adding: ["my own words", "Blur", "my own words"])
    #expect(phrases.first == "my own words" && Set(phrases).count == phrases.count)
    #expect(Set(phrases).isDisjoint(with: small.confounders.map(\.text)) && !phrases.contains("Blur"))
    #expect(phrases.contains("text and menus on the screen") && phrases.contains("a transparent cap"))
    let fundus = try CandidatePhrases.all(beside: PromptSet(.fundus))
    #expect(!fundus.contains("a transparent cap") && fundus.contains("a purple tint"))
    #expect((CandidatePhrases.general + CandidatePhrases.endoscopy).allSatisfy { $0.count <= 40 })
  }
}
