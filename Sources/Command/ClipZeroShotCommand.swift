import CLIP
import Confounders
import Datasets
import Foundation
import Pretraining
import Segmentation
import Storage
import Training

/// The command `mcdrl clip zero-shot`.
enum ClipZeroShotCommand: Subcommand {
  static let name = "clip zero-shot"
  static let summary = "measure what a CLIP knows of endoscopy without training"
  static let example = "mcdrl clip zero-shot tiny"
  static let options = Options()
  static let operands = [clipOperand]

  struct Options: OptionGroup {
    let images = Option.value(
      "images", "N", .integer(atLeast: 1), default: 1000, "how many unseen pictures to render")
    let data = Option.optional(
      "data", "DATA", .text, remark: "rendered pictures", "a folder of sites, or a sites.json5")
    let lesionClass = Option.optional(
      "class", "NAME", .text, "the lesion class of pictures whose site states none")
    let prompts = Shared.prompts
  }

  /// The reports of a model; nil for those that were not asked for.
  struct Reports: Codable {
    var rendered: ZeroShot?
    var sites: [SiteZeroShot]?
  }

  static func run(_ arguments: Arguments<Options>, _ console: Console) throws {
    let (count, seed) = (try arguments.images, try arguments.common.seed)
    let prompts = try ProjectFiles.promptSet(arguments.prompts).prompts
    let clip = try CLIPModel.load(ProjectFiles.clip(arguments.operands[0]), seed: seed)
    guard let data = try arguments.data else {
      let rendered = try report(clip, prompts: prompts, count: count, seed: seed, console)
      return try show(Reports(rendered: rendered), console)
    }
    let catalog = try SiteCatalog(at: URL(fileURLWithPath: data), defaultClass: arguments.lesionClass)
    try RunChecks.requireClasses(catalog.sites, prompts, in: catalog.folder)
    let sites = try report(clip, prompts: prompts, sites: catalog.sites, seed: seed, console)
    try show(Reports(sites: sites), console)
  }

  static func report(
    _ clip: CLIPModel, prompts: PromptSet, count: Int, seed: UInt64, _ console: Console
  ) throws -> ZeroShot {
    let bar = ProgressBar("zero-shot", total: count)
    defer { console.progress("") }
    return try ZeroShot(clip, prompts: prompts, count: count, seed: seed) {
      console.progress(bar.line($0, unit: "pictures"))
    }
  }

  static func report(
    _ clip: CLIPModel, prompts: PromptSet, sites: [Site], seed: UInt64, _ console: Console
  ) throws -> [SiteZeroShot] {
    let bar = ProgressBar("zero-shot", total: sites.map(\.testSamples.count).reduce(0, +))
    defer { console.progress("") }
    var finished = 0
    return try sites.map { site in
      defer { finished += site.testSamples.count }
      return try SiteZeroShot(clip, at: site, prompts: prompts, seed: seed) {
        console.progress(bar.line(finished + $0, unit: "pictures"))
      }
    }
  }

  static func show(_ reports: Reports, _ console: Console) throws {
    // One report alone keeps the form that it has in its file.
    if console.json {
      if let sites = reports.sites {
        return try reports.rendered == nil ? console.result(json: sites) : console.result(json: reports)
      }
      return try console.result(json: reports.rendered)
    }
    if let rendered = reports.rendered { show(rendered, console) }
    if let sites = reports.sites { show(sites, console) }
  }

  private static func show(_ report: ZeroShot, _ console: Console) {
    console.result("zero-shot on \(counted(report.count, "unseen rendered picture")) of \(report.size) px\n")
    let byClass = report.accuracyByClass.sorted { $0.key < $1.key }.map { [$0.key, format($0.value)] }
    console.result(
      Console.table(
        ["class", "accuracy"],
        byClass + [["all \(byClass.count) (chance \(format(report.chance)))", format(report.classAccuracy)]]))
    let byConfounder = report.confounders.sorted { $0.key < $1.key }.map { [$0.key, format($0.value)] }
    console.result(
      "\n" + Console.table(["confounder", "AUC"], byConfounder + [["mean", format(report.meanConfounder)]]))
    let scores = RegionScore.allCases.map(\.rawValue)
    let rows = report.localisation.map { row in
      [row.extractor] + scores.map { format(row.areas[$0]) }
    }
    console.result("\n" + Console.table(["AUC of region score and mask"] + scores, rows))
  }

  private static func show(_ sites: [SiteZeroShot], _ console: Console) {
    let names = Set(sites.flatMap(\.confounders.keys)).sorted()
    func row(_ label: String, _ value: (SiteZeroShot) -> Double?) -> [String] {
      [label] + sites.map { value($0).map { format($0) } ?? "-" }
    }
    let rows =
      [
        ["images"] + sites.map { "\($0.count)" }, ["with a lesion"] + sites.map { "\($0.withLesion)" },
        row("AUC, lesion against none", \.lesion), row("AUC of region score and mask", \.localisation),
      ] + names.map { name in row("AUC, do(\(name)) against none") { $0.confounders[name] } }
      + [row("AUC, mean over do(z)", \.meanConfounder)]
    console.result("zero-shot by site\n\n" + Console.table([""] + sites.map(\.site), rows))
  }
}
