import Datasets
import Foundation
import Imaging
import Storage

/// The command `mcdrl data import`.
enum DataImportCommand: Subcommand {
  static let name = "data import"
  static let summary = "make a site of a public set, of annotations or of any folder"
  static let example =
    "mcdrl data import folder scans --images 'a/*.jpg' --masks 'b/*_mask.png' --site clinic --out DATA"
  static let options = Options()
  static let common = CommonOptions(
    threads: "one a core", meaning: "threads that read and write images", choosesDevice: false)
  static let operands = [
    Operand.one("KIND", "the kind of source", "a kind of the list below, or auto to find it"),
    Operand.one("SOURCE", "a source", "the folder, file or zip archive to import"),
  ]
  static var sections: [Help.Section] {
    [
      Help.Section(
        title: "kinds (docs/reference/data-sets.md)",
        entries: ImportKind.all.map { ($0.name, $0.summary) })
    ]
  }

  struct Options: OptionGroup {
    let site = Option.required("site", "NAME", .text, "the site to make; several parts become NAME-PART each")
    let out = Shared.out("DATA", "the data folder that gets the site; other sites in it stay")
    let images = Option.optional(
      "images", "PATTERN", .text, remark: "images/*",
      "folder: the images; * stands for a part of a name, ** for folders, {a,b} for a or b")
    let masks = Option.optional(
      "masks", "PATTERN", .text, remark: "masks/*",
      "folder: the masks; an image and its mask share what the * match")
    let groupBy = Option.value(
      "group-by", "folder|none|PATTERN", .grouping, default: .source, said: "as the source says",
      "the patient or sequence: the folder, none, or a regular expression on the path of the image")
    let parts = Option.commas("part", "PART", .text, said: "all", "the parts of the source to import")
    let labels = Option.spaces(
      "labels", "NAME=VALUE", .label, remark: "those of the source, or one",
      "the values of label maps, 1 to 255, or their colours as #rrggbb; masks become label maps")
    let lesions = Option.commas(
      "lesions", "NAME", .text, said: "all", "the labels of the source that are lesion")
    let lesionClass = Option.optional(
      "class", "CLASS", .text, remark: "that of the source",
      "the lesion class of the images, such as polyp; where a mask is empty, it counts for nothing")
    let every = Option.optional(
      "every", "SECONDS", .positive, remark: "1, without --difference",
      "video: the least number of seconds between frames that are taken")
    let difference = Option.optional(
      "difference", "D", .probability,
      "video: take a frame that differs so much from the last one taken: 0.05 is little, 0.15 much")
    let resizeMasks = Option.flag(
      "resize-masks", "bring masks of another size to that of their image; else the image is left out")
    let maxPixels = Option.value(
      "max-pixels", "N", .integer(atLeast: 1), default: ImageLimits.default.maximumPixels,
      "refuse larger images")
  }

  /// The document of `--json`.
  private struct Summary: Encodable {
    /// A site that was made.
    struct Site: Encodable {
      let site: String
      let images: Int
      let unlabelled: Int
      let groups: Int
      let repaired: Int
      let record: String
    }
    let kind: String
    let data: String
    var sites: [Site]
    let notes: [String]
    var leftOut: [ImportListing.LeftOut]

    enum CodingKeys: String, CodingKey {
      case kind, data, sites, notes
      case leftOut = "left_out"
    }
  }

  /// The most files of one reason in the text; `import.json` has all.
  private static let mostAlike = 3

  static func run(_ arguments: Arguments<Options>, _ console: Console) throws {
    do {
      try work(arguments, console)
    } catch let error as ImportError {
      switch error {
      case .option, .unknownKind: throw UsageError.settings(error)
      default: throw error
      }
    }
  }

  private static func work(_ arguments: Arguments<Options>, _ console: Console) throws {
    let given = NativePath.url(arguments.operands[1])
    let out = try arguments.out
    try requireOutside(out, given)
    let lock = try OutputFolder.lock(out, console)
    let unpacked = try UnpackedArchive(given, in: out) { done, all in
      if done % 100 == 0 { console.progress("unpacking \(done) of \(all) files") }
    }
    defer {
      unpacked?.remove()
      withExtendedLifetime(lock) {}
    }
    do {
      try work(arguments, unpacked?.folder ?? given, named: given, out, console)
    } catch {
      throw unpacked?.named(error) ?? error
    }
  }

  private static func work(
    _ arguments: Arguments<Options>, _ source: URL, named given: URL, _ out: URL, _ console: Console
  ) throws {
    let kind = try kind(arguments.operands[0], source, named: given, console)
    var options = try importOptions(arguments, kind)
    options.data = out
    let listing = try kind.listing(source, options: options)
    let sites = SiteImport.sites(listing, named: try arguments.site)
    let bar = ProgressBar("importing", total: listing.items.count)
    var (summary, before) = (
      Summary(kind: kind.name, data: out.path, sites: [], notes: listing.notes, leftOut: listing.leftOut), 0
    )
    var known = Set(listing.leftOut)
    for (site, part, own) in sites {
      let work = try SiteImport(
        own, of: source, kind: kind.name, site: site, data: out, options: options, part: part,
        threads: try arguments.common.threads)
      let (record, listed) = try work.write { done in
        console.progress(bar.line(before + done, unit: "images"))
      }
      before += own.items.count
      if !listed.isEmpty {
        console.note(
          "sites.json5 is new; it lists the other sites of the folder, too: " + listed.joined(separator: ", ")
        )
      }
      summary.sites.append(
        Summary.Site(
          site: site, images: record.images.count, unlabelled: record.unlabelled.count,
          groups: Set(
            record.images.map { $0.group ?? $0.image } + record.unlabelled.map { $0.group ?? $0.image }
          ).count,
          repaired: record.images.count { !$0.repairs.isEmpty }, record: "\(site)/\(ImportRecord.fileName)"))
      // The record of each part has the files that the whole listing leaves out.
      summary.leftOut += record.leftOut.filter { known.insert($0).inserted }
    }
    console.progress("")
    if console.json { try console.result(json: summary) } else { show(summary, console) }
  }

  private static func kind(
    _ word: String, _ source: URL, named given: URL, _ console: Console
  ) throws -> ImportKind {
    guard word == "auto" else { return try ImportKind.named(word) }
    let fitting = ImportKind.fitting(source)
    guard let kind = fitting.first, fitting.count == 1 else {
      // An archive, or a path that leads nowhere, has an error of its own.
      if fitting.isEmpty { _ = try SourceTree(source, kind: "any kind") }
      throw ImportError.undecided(source, fitting: fitting.map(\.name))
    }
    console.note("\(given.shownPath): found \(kind.name), \(kind.summary)")
    return kind
  }

  private static func importOptions(
    _ arguments: Arguments<Options>, _ kind: ImportKind
  ) throws -> ImportOptions {
    var options = ImportOptions()
    (options.images, options.masks) = (try arguments.images, try arguments.masks)
    for (option, value) in [("--images", options.images), ("--masks", options.masks)]
    where value != nil && kind.name != "folder" {
      throw ImportError.option(
        option, reason: "only the kind folder has patterns; \(kind.name) knows its own")
    }
    (options.every, options.difference) = (try arguments.every, try arguments.difference)
    for (option, value) in [("--every", options.every), ("--difference", options.difference)]
    where value != nil && kind.name != VideoSource.name {
      throw ImportError.option(option, reason: "only the kind video takes frames; \(kind.name) has images")
    }
    options.grouping = try arguments.groupBy
    options.parts = try arguments.parts
    options.lesions = try arguments.lesions
    options.lesionClass = try arguments.lesionClass
    options.resizesMasks = try arguments.resizeMasks
    options.limits = ImageLimits(maximumPixels: try arguments.maxPixels)
    for (name, label) in try arguments.labels {
      guard options.labels[name] == nil, options.colours[name] == nil else {
        throw ImportError.option("--labels", reason: "\(name) stands twice")
      }
      switch label {
      case .value(let value): options.labels[name] = value
      case .colour(let colour): options.colours[name] = colour
      }
    }
    return options
  }

  /// Refuses a data folder inside the source, which the next import would find there.
  private static func requireOutside(_ out: URL, _ source: URL) throws {
    guard (FileSystem.resolved(out) + "/").hasPrefix(FileSystem.resolved(source) + "/") else { return }
    throw ImportError.option(
      "--out", reason: "\(out.shownPath) lies in the source; choose a folder outside of it")
  }

  private static func show(_ summary: Summary, _ console: Console) {
    let rows = summary.sites.map {
      [$0.site, "\($0.images)", "\($0.unlabelled)", "\($0.groups)", "\($0.repaired)", $0.record]
    }
    console.result(
      Console.table(["site", "images", "without mask", "groups", "repaired", "record"], rows))
    for note in summary.notes { console.result("note: \(note)") }
    let reasons = Dictionary(grouping: summary.leftOut, by: \.reason).sorted { $0.key < $1.key }
    for (reason, files) in reasons {
      let names = files.prefix(mostAlike).map(\.file).joined(separator: ", ")
      let rest = files.count - mostAlike
      console.result("left out: \(names)\(rest > 0 ? " and \(rest) more" : ""): \(reason)")
    }
  }
}

/// A value or a colour of a label.
enum LabelValue: Sendable, Equatable {
  case value(Int)
  case colour([UInt8])
}

extension ValueForm where Value == (String, LabelValue) {
  /// A label with its value or its colour: `polyp=1`, `polyp=#ff0000`.
  fileprivate static var label: ValueForm {
    ValueForm(
      read: { word in
        guard let equals = word.lastIndex(of: "="), equals != word.startIndex else { throw needed }
        let (name, text) = (String(word[..<equals]), word[word.index(after: equals)...])
        if let value = Int(text), (1...255).contains(value) { return (name, .value(value)) }
        guard text.first == "#", text.count == 7, let bits = UInt32(text.dropFirst(), radix: 16) else {
          throw needed
        }
        return (name, .colour([16, 8, 0].map { UInt8(truncatingIfNeeded: bits >> $0) }))
      },
      text: { label in
        switch label.1 {
        case .value(let value): "\(label.0)=\(value)"
        case .colour(let colour): "\(label.0)=#" + colour.map { String(format: "%02x", $0) }.joined()
        }
      })
  }

  private static var needed: WrongValue {
    .needs("a name with a value from 1 to 255 or a colour is needed, such as polyp=1 or polyp=#ff0000")
  }
}

extension ValueForm where Value == ImportOptions.Grouping {
  /// A way to group images.
  fileprivate static var grouping: ValueForm {
    ValueForm(
      read: { word in
        switch word {
        case "folder": .folder
        case "none": ImportOptions.Grouping.none
        case "": throw WrongValue.needs("folder, none or a regular expression is needed")
        default: .pattern(word)
        }
      },
      text: { grouping in
        switch grouping {
        case .source: "source"
        case .folder: "folder"
        case .none: "none"
        case .pattern(let text): text
        }
      })
  }
}
