import Datasets
import Foundation
import Storage

/// The command `mcdrl data export`.
enum DataExportCommand: Subcommand {
  static let name = "data export"
  static let summary = "write data or predictions for annotation tools and for nnU-Net"
  static let example = "mcdrl data export predictions --to cvat --out for-cvat"
  static let options = Options()
  static let operands = [
    Operand.one(
      "DATA|PREDICTIONS", "one folder", "a folder of sites, a sites.json5, or a folder of mcdrl predict")
  ]

  struct Options: OptionGroup {
    let format = Option.required(
      "to", choices(ExportFormat.self), .choice(of: ExportFormat.self), "the format to write")
    let out = Option.optional(
      "out", "DIR", .file, remark: "named after source and format", "the folder to make")
    let sites = Option.spaces("site", "SITE", .text, remark: "all", "the sites of DATA to write")
    let label = Option.value(
      "label", "NAME", .text, default: ExportSet.lesion,
      "the name of lesions where neither labels nor classes are stated")
    let dataset = Option.value(
      "dataset", "NAME", .text, default: "MCDRL", "the name of nnU-Net's data set, Dataset001_NAME")
  }

  /// The document of `--json`.
  private struct Report: Encodable {
    let out: String
    let export: DataExport.Summary
    let leftOut: [ImportListing.LeftOut]

    enum CodingKeys: String, CodingKey {
      case out, export
      case leftOut = "left_out"
    }
  }

  static func run(_ arguments: Arguments<Options>, _ console: Console) throws {
    let source = NativePath.url(arguments.operands[0])
    let (format, sites, label) = (try arguments.format, try arguments.sites, try arguments.label)
    if let name = try arguments.given(\.dataset), format != .nnunet {
      throw UsageError.rejected(
        option: "dataset", text: name, reason: "only --to nnunet names a data set; leave it out")
    }
    let out = try arguments.out ?? place(of: source, as: format)
    // The next command would take it for a site.
    if (FileSystem.resolved(out) + "/").hasPrefix(FileSystem.resolved(source) + "/") {
      throw UsageError.rejected(
        option: "out", text: out.path, reason: "lies in the source; choose a folder outside of it")
    }
    let set: ExportSet
    if ExportSet.holdsPredictions(source) {
      guard sites.isEmpty else {
        throw UsageError.rejected(
          option: "site", text: sites.joined(separator: " "),
          reason: "predictions have no sites; leave it out")
      }
      set = try ExportSet(predictions: source, label: label)
    } else {
      if let video = videoResults(in: source) { throw ExportError.video(video) }
      set = try ExportSet(SiteCatalog(at: source, passingOver: .missingMasks), sites: sites, label: label)
    }
    let names = set.labels.map(\.name)
    if let name = try arguments.given(\.label), !names.contains(name) {
      throw UsageError.rejected(
        option: "label", text: name,
        reason: "the source has labels of its own (\(names.joined(separator: ", "))); leave it out")
    }
    let lock = try OutputFolder.lock(out, console)
    defer { withExtendedLifetime(lock) {} }
    // Files of an earlier call would remain among the new ones.
    guard OutputFolder.contents(out).isEmpty else { throw WorkError.folderNotEmpty(out) }
    let bar = ProgressBar("exporting", total: set.items.count)
    let summary = try DataExport(set, to: out).write(format, name: arguments.dataset) {
      console.progress(bar.line($0, unit: "images"))
    }
    console.progress("")
    if let first = set.leftOut.first {
      console.note(
        "left out: " + counted(set.leftOut.count, "image") + ", such as \(NativePath.shown(first.file)): "
          + first.reason)
    }
    if let turned = summary.turned, turned > 0 {
      console.note("turned upright as EXIF says, and stored as PNG: " + counted(turned, "image"))
    }
    if console.json {
      return try console.result(json: Report(out: out.path, export: summary, leftOut: set.leftOut))
    }
    let labels = summary.labels.sorted { ($0.value, $0.key) < ($1.value, $1.key) }
      .map { "\($0.key) \($0.value)" }
    console.result(
      counted(summary.images, "image") + (summary.regions.map { " with " + counted($0, "lesion") } ?? "")
        + " written as \(format.rawValue) to \(out.path): " + summary.files.joined(separator: ", "))
    console.result("labels: " + labels.joined(separator: ", "))
    if let hint = hint(format, set) { console.result(hint) }
  }

  /// The folder without `--out`: in the working folder, named after the source and the format.
  private static func place(of source: URL, as format: ExportFormat) -> URL {
    let isFolder = FileSystem.kind(of: source) == .folder
    let folder = isFolder ? source : source.deletingLastPathComponent()
    let path = FileSystem.resolved(folder)
    let name = path.split(separator: "/").last.map(String.init) ?? "data"
    return NativePath.url("\(name)-\(format.rawValue)")
  }

  /// The results of a video: the folder itself, or one in a folder of predictions; nil if there are none.
  private static func videoResults(in source: URL) -> URL? {
    guard FileSystem.kind(of: source) == .folder else { return nil }
    let folders = [source] + OutputFolder.contents(source).sorted().map(source.appendingPathComponent)
    return folders.first { folder in
      [VideoPrediction.FileName.lines, VideoPrediction.FileName.summary].allSatisfy {
        FileSystem.kind(of: folder.appendingPathComponent($0)) == .file
      }
    }
  }

  /// The next step in the tool.
  private static func hint(_ format: ExportFormat, _ set: ExportSet) -> String? {
    switch format {
    case .cvat:
      "make a task of the images, then upload annotations.xml as CVAT 1.1; read it back with mcdrl data "
        + "import cvat"
    case .labelStudio:
      "serve the folder as local files, use labeling-config.xml as the interface, and import tasks.json"
    case .nnunet where set.sites.count > 1:
      "copy splits_final.json to nnU-Net's preprocessed data set; fold K leaves the site out that stands at "
        + "place K of: " + set.sites.joined(separator: ", ")
    case .coco, .labelme, .nnunet: nil
    }
  }
}
