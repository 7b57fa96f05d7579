import Datasets
import Foundation
import Imaging
import Storage
import Torch

/// What commands say about the data that they use.
enum DataNotes {
  /// Notes the values of the masks of sites, one line.
  ///
  /// It reads the masks, unless a check has done so before.
  ///
  /// - Throws: `MaskConventionError` for masks whose values do not say what is lesion, `ClassError`
  ///   for a class that a site does not state.
  static func masks(
    _ sites: [Site], limits: ImageLimits = .default, classes: [String] = [], _ console: Console
  ) throws {
    guard classes.isEmpty else { return try self.classes(classes, of: sites, limits: limits, console) }
    var names: [(statement: String, sites: [String])] = []
    for site in sites {
      guard let statement = try site.survey?.found(limits: limits).statement else { continue }
      if let place = names.firstIndex(where: { $0.statement == statement }) {
        names[place].sites.append(site.name)
      } else {
        names.append((statement, [site.name]))
      }
    }
    guard !names.isEmpty else { return }
    console.note(
      "masks: "
        + names.map { "\($0.statement) (\($0.sites.joined(separator: ", ")))" }.joined(separator: "; "))
  }

  /// Notes the mask values of the classes at each site, and values that are no stated label.
  private static func classes(
    _ classes: [String], of sites: [Site], limits: ImageLimits, _ console: Console
  ) throws {
    for site in sites {
      try site.requireClasses(classes)
      let counts = try site.labelCounts(limits: limits) ?? []
      let own = classes.compactMap { name in counts.first { $0.name == name } }
      console.note(
        "masks of \(site.name): "
          + own.map { "\($0.name) is \($0.value), in \(counted($0.images, "mask"))" }.joined(separator: "; ")
          + "; all other values are background")
      let others = try site.unstatedValues(limits: limits)
      if !others.isEmpty {
        console.note(
          "note: masks of \(site.name) also hold \(others.map(String.init).joined(separator: ", ")), which no label "
            + "in sites.json5 states; they are background")
      }
    }
  }

  /// Notes what the data folder says that a user of its sites has to know.
  static func statements(_ sites: [Site], _ console: Console) {
    for site in sites {
      if let note = site.origin.note { console.note("note: site \(site.name): \(note)") }
    }
  }

  /// Notes the files that take no part, one line.
  static func leftOut(_ catalog: SiteCatalog, _ console: Console) {
    guard let summary = LeftOut.summary(catalog.leftOut) else { return }
    console.note("left out: \(summary); mcdrl data inspect names them")
  }

  /// Searches for patients and images in several lists of a run, and rejects them unless allowed.
  ///
  /// - Parameters:
  ///   - lists: the lists.
  ///   - sites: the sites of their images.
  ///   - isAllowed: whether such pairs are only counted.
  ///   - limits: the maximum size of a file.
  ///   - console: receives progress.
  /// - Returns: the result in a few words.
  /// - Throws: `LeakageError`, or an error that names an image that cannot be read.
  static func leakage(
    _ lists: ImageLists, _ sites: [Site], isAllowed: Bool, limits: ImageLimits, _ console: Console
  ) throws -> String {
    let search = "looking for the same patient or picture in two lists"
    let report = try LeakageReport(
      lists, of: sites, limits: limits, progress: { console.progress("\(search): \($0)") },
      comparing: copies(console))
    console.progress("")
    return try outcome(report, isAllowed: isAllowed)
  }

  private static func outcome(_ report: LeakageReport, isAllowed: Bool) throws -> String {
    guard let error = report.error else { return "checked, none found" }
    guard isAllowed else { throw error }
    return counted(report.findings.count, "pair") + " found and allowed"
  }

  /// Searches for patients and images at several sites, and rejects them unless they are allowed.
  ///
  /// They would be in the training at one site and in the scores of another.
  ///
  /// - Parameters:
  ///   - sites: the sites that are trained on or held out.
  ///   - heldOut: the sites that are held out in turn; nil for all.
  ///   - isAllowed: whether such pairs are only counted.
  ///   - limits: the maximum size of a file.
  ///   - workers: the number of images that are read in parallel; nil for one per core.
  ///   - console: receives progress.
  /// - Returns: the result in a few words.
  /// - Throws: `LeakageError`, or an error that names an image that cannot be read.
  static func leakage(
    _ sites: [Site], heldOut: [String]? = nil, isAllowed: Bool, limits: ImageLimits, workers: Int? = nil,
    _ console: Console
  ) throws -> String {
    let count = sites.reduce(0) { $0 + $1.allSamples.count }
    let bar = ProgressBar("looking for the same patient or picture at two sites", total: count)
    let report = try LeakageReport(
      sites, heldOut: heldOut, limits: limits, workers: workers,
      progress: { if $0 % 20 == 0 { console.progress(bar.line($0, unit: "images")) } },
      comparing: copies(console))
    console.progress("")
    return try outcome(report, isAllowed: isAllowed)
  }

  /// Shows the progress of the comparison of images, with the time left.
  static func copies(_ console: Console) -> CopyProgress {
    let clocks = CopyClocks()
    return { step, done, total in
      let seconds = clocks.seconds(since: step)
      let left = done > 0 ? duration(seconds / Double(done) * Double(total - done)) : "--:--"
      let text =
        switch step {
        case .comparing: "comparing images: \(percent(Double(done), of: Double(total)))"
        case .checking: "checking similar images: \(done)/\(total) pairs"
        }
      console.progress("\(text) \(left) left")
    }
  }
}

/// The start of each step.
private final class CopyClocks: @unchecked Sendable {
  private let lock = NSLock()
  private var starts: [CopyStep: Date] = [:]

  /// Returns the time since the step was first named.
  func seconds(since step: CopyStep) -> Double {
    lock.withLock {
      let start = starts[step] ?? Date()
      starts[step] = start
      return Date().timeIntervalSince(start)
    }
  }
}
