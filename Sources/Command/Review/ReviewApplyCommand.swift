import Datasets
import Foundation
import Reviewing
import Storage

/// The command `mcdrl review apply`.
enum ReviewApplyCommand: Subcommand {
  static let name = "review apply"
  static let summary = "make a site of reviewed masks, to train on"
  static let example = "mcdrl review apply reviews/new --out DATA --site reviewed"
  static let options = Options()
  static let common = CommonOptions(
    threads: "one a core", meaning: "threads that read and write images", choosesDevice: false)
  static let operands = [Operand.one("REVIEW", "a review", "a folder that mcdrl review wrote")]

  struct Options: OptionGroup {
    let out = Shared.out("DATA", "the data folder that gets the site; other sites in it stay")
    let site = Option.value("site", "NAME", .text, default: "reviewed", "the site to make")
    let reviewer = Option.optional(
      "reviewer", "NAME", .text, remark: "all", "the only reviewer whose decisions count")
    let allowHeldOut = Option.flag(
      "allow-held-out", "let images that the run withheld become training data, and say so in sites.json5")
  }

  /// The document of `--json`.
  private struct Summary: Encodable {
    let data: String
    let site: String
    let images: Int
    let withLesion: Int
    let heldOut: Int
    let note: String?
    let leftOut: [ImportListing.LeftOut]

    enum CodingKeys: String, CodingKey {
      case data, site, images, note
      case withLesion = "with_lesion"
      case heldOut = "held_out"
      case leftOut = "left_out"
    }
  }

  static func run(_ arguments: Arguments<Options>, _ console: Console) throws {
    let (folder, out) = (NativePath.url(arguments.operands[0]), try arguments.out)
    guard !(FileSystem.resolved(out) + "/").hasPrefix(FileSystem.resolved(folder) + "/") else {
      throw UsageError.rejected(
        option: "out", text: nil, reason: "\(out.shownPath) lies in the review; choose a folder outside of it"
      )
    }
    let content = try ReviewContent(of: folder)
    var options = ReviewApplication.Options(site: try arguments.site)
    options.reviewer = try arguments.reviewer
    options.allowsHeldOut = try arguments.allowHeldOut
    let work = try ReviewApplication(content, options)
    let lock = try OutputFolder.lock(out, console)
    defer { withExtendedLifetime(lock) {} }
    let bar = ProgressBar("writing", total: content.rows.count)
    let (record, imported, listed) = try work.write(to: out, threads: arguments.common.threads) {
      console.progress(bar.line($0, unit: "images"))
    }
    console.progress("")
    if !listed.isEmpty {
      console.note(
        "sites.json5 is new; it lists the other sites of the folder, too: " + listed.joined(separator: ", "))
    }
    if let note = record.note { console.note("note: site \(options.site): \(note)") }
    let summary = Summary(
      data: out.path, site: options.site, images: record.images.count,
      withLesion: imported.images.count { !$0.maskFrom.isEmpty },
      heldOut: record.images.count(where: \.heldOut),
      note: record.note, leftOut: record.leftOut)
    if console.json { return try console.result(json: summary) }
    console.result(
      "site \(options.site): \(counted(summary.images, "image")), \(summary.withLesion) with a lesion; "
        + "\(options.site)/\(AppliedReview.fileName) says whose masks they are")
    for (reason, files) in Dictionary(grouping: record.leftOut, by: \.reason).sorted(by: { $0.key < $1.key })
    {
      let names = files.prefix(3).map(\.file).joined(separator: ", ")
      console.result("left out: \(names)\(files.count > 3 ? " and \(files.count - 3) more" : ""): \(reason)")
    }
  }
}
