import Foundation
import Reporting
import Storage
import Studies
import Training

/// The command `mcdrl card`.
enum CardCommand: Subcommand {
  static let name = "card"
  static let summary = "write the model card of a run: data, scores, limits, warnings, licences"
  static let example = "mcdrl card runs/c3 --study study"
  static let options = Options()
  static let operands = [Operand.one("RUN", "a run folder", "a run folder of mcdrl train")]

  /// The options of `mcdrl card`.
  struct Options: OptionGroup {
    let out = Option.optional(
      "out", "FOLDER", .file, remark: "that of the run", "the folder of card.md and card.html")
    let study = Option.optional(
      "study", "STUDY", .file,
      "a study of the same method and settings: its scores at held-out sites come into the card")
    let title = Option.optional(
      "title", "TEXT", .text, remark: "the method and the sites", "the heading of the card")
    let contact = Option.optional("contact", "TEXT", .text, remark: "not stated", "whom to ask")
  }

  /// The document of `--json`.
  private struct Summary: Encodable {
    let files: [String]
    let card: ModelCard
  }

  static func run(_ arguments: Arguments<Options>, _ console: Console) throws {
    let run = try ProjectFiles.run(at: NativePath.url(arguments.operands[0]))
    let (out, title) = (try arguments.out ?? run.folder.url, try arguments.title)
    if let title, title.allSatisfy(\.isWhitespace) {
      throw UsageError.rejected(
        option: "title", text: title, reason: "a heading needs letters; leave the option out for one")
    }
    let lock = try OutputFolder.lock(out, console)
    defer { withExtendedLifetime(lock) {} }
    let card = try ModelCard(
      of: run, title: title, contact: arguments.contact,
      study: arguments.study.map { try evidence($0, for: run) },
      software: SoftwareComponent.all().map { ModelCard.Licence(name: $0.name, licence: $0.licence) })
    let files = ["card.md", "card.html"].map(out.appendingPathComponent)
    try AtomicFile.write(Data(CardMarkdown(card).text.utf8), to: files[0])
    try AtomicFile.write(Data(HTMLPage.card(card).text.utf8), to: files[1])
    if console.json { return try console.result(json: Summary(files: files.map(\.path), card: card)) }
    for warning in card.warnings { console.result("- \(warning)") }
    console.result("the card is \(files[0].path) and \(files[1].path)")
  }

  private static func evidence(_ study: URL, for run: Run) throws -> StudyEvidence {
    let record = try StudyWriter(reading: study).record
    return try StudyEvidence(
      StudyFolder(study), record.plan, sites: record.data.keys.sorted(), for: run)
  }
}
