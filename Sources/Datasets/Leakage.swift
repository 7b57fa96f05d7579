import Foundation
import Imaging
import Storage
import Torch

/// Pairs of images that leak: one is in training, the other is scored at another site.
///
/// Leave-one-site-out trains on the images of some sites. It scores another site on its `test`
/// images, or on its own images if it states none. A pair leaks if it shows the same patient or is
/// the same image, one of it is trained on and the other is scored, at two sites. The own images
/// and the `test` images of one site do not leak: if the site is held out, its own images are not
/// trained on.
///
/// There are three kinds: a patient or sequence that `sites.json5` states at two sites, images with
/// the same pixels, and near-duplicates (see `NearDuplicates`). Images without a stated group are
/// compared only by their content. Images without details, such as black frames, say nothing about
/// a patient, so they are not compared.
public struct LeakageReport: Codable, Sendable {
  /// The common property of a pair.
  public enum Kind: String, Codable, Sendable {
    /// The stated patient or sequence.
    case group
    /// Every pixel.
    case duplicate
    /// The image, except for compression, size, brightness or a small shift.
    case nearDuplicate = "near_duplicate"
  }

  /// One side of a pair.
  public struct Picture: Codable, Equatable, Sendable {
    /// The site.
    public let site: String
    /// The file name without its extension.
    public let id: String
    /// The file.
    public let image: String

    init(_ sample: Sample) {
      site = sample.site
      id = sample.id
      image = sample.image.path
    }
  }

  /// A pair of leaking images.
  public struct Finding: Codable, Equatable, Sendable {
    /// Its common property.
    public let kind: Kind
    /// The first in the order of the sites.
    public let first: Picture
    /// The other.
    public let second: Picture
    /// The patient or sequence; nil for images.
    public let group: String?
    /// The correlation of the details of the two images, 1 for the same pixels; nil for groups.
    public let similarity: Double?
    /// Whether the two are in different lists of one run, not at different sites.
    public internal(set) var isBetweenLists: Bool?
  }

  /// The number of compared images.
  public let images: Int
  /// The findings: groups first (one pair per group and pair of sites), then images by similarity.
  public private(set) var findings: [Finding]

  /// Compares the training images with the scored images; reads every image once.
  ///
  /// - Parameters:
  ///   - catalog: the sites.
  ///   - heldOut: the sites that are held out in turn; nil for all.
  ///   - limits: the maximum size of a file.
  ///   - workers: the number of images that are read in parallel; nil for one per core.
  ///   - progress: receives the number of images read, from any thread.
  /// - Throws: `DatasetError.unknownSite`, or `ImagingError` that names a file that cannot be read.
  public init(
    _ catalog: SiteCatalog, heldOut: [String]? = nil, limits: ImageLimits = .default, workers: Int? = nil,
    progress: @escaping @Sendable (Int) -> Void = { _ in }
  ) throws {
    let names = try heldOut.map { try $0.map { try catalog.site($0).name } }
    try self.init(catalog.sites, heldOut: names, limits: limits, workers: workers, progress: progress)
  }

  /// Compares the training images of some sites with the scored images; reads every image once.
  ///
  /// - Parameters:
  ///   - sites: the sites that are trained on or held out.
  ///   - heldOut: the names of the sites that are held out in turn; nil for all.
  ///   - limits: the maximum size of a file.
  ///   - workers: the number of images that are read in parallel; nil for one per core.
  ///   - progress: receives the number of images read, from any thread.
  ///   - comparing: receives the steps after all are read.
  /// - Throws: `ImagingError` that names a file that cannot be read.
  package init(
    _ sites: [Site], heldOut: [String]? = nil, limits: ImageLimits = .default, workers: Int? = nil,
    progress: @escaping @Sendable (Int) -> Void = { _ in }, comparing: CopyProgress = { _, _, _ in }
  ) throws {
    let border = Border(sites, heldOut: heldOut)
    let done = Tally()
    let samples = border.samples
    let thumbnails = try Thumbnails(count: samples.count)
    @Sendable func read(_ index: Int) throws -> Tensor {
      try NearDuplicates.thumbnail(reading: samples[index].image, limits: limits)
    }
    _ = try concurrentMap(count: samples.count, threads: workers) { index in
      try thumbnails.store(read(index), at: index)
      progress(done.add())
    }
    let pairs = try NearDuplicates.pairs(
      thumbnails, border: border, workers: workers, progress: comparing, reading: read)
    try self.init(border, pairs, reader: SampleReader(size: 1, limits: limits))
  }

  /// Compares the images of the lists of a run with those of its other lists; reads every image once.
  ///
  /// Names of patients that are local to a site are compared within the site.
  ///
  /// - Parameters:
  ///   - lists: the lists.
  ///   - sites: the sites of their images.
  ///   - limits: the maximum size of a file.
  ///   - progress: receives the number of images read, from any thread.
  ///   - comparing: receives the steps after all are read.
  /// - Throws: `ImagingError` that names a file that cannot be read.
  package init(
    _ lists: ImageLists, of sites: [Site], limits: ImageLimits = .default,
    progress: @escaping @Sendable (Int) -> Void = { _ in }, comparing: CopyProgress = { _, _, _ in }
  ) throws {
    try self.init(lists.places(in: sites), limits: limits, progress: progress, comparing: comparing)
    for index in findings.indices { findings[index].isBetweenLists = true }
  }

  /// Combines the stated groups of the catalogue with the pairs of similar images.
  init(_ border: Border, _ pairs: [NearDuplicates.Pair], reader: SampleReader) throws {
    images = border.samples.count
    let pictures = try pairs.map { pair in
      let (first, second) = (border.samples[pair.first], border.samples[pair.second])
      let isSame = try NearDuplicates.isSame(first, second, reader)
      return Finding(
        kind: isSame ? .duplicate : .nearDuplicate, first: Picture(first), second: Picture(second),
        group: nil, similarity: isSame ? 1 : pair.similarity)
    }
    findings = border.groups() + pictures.sorted { ($0.similarity ?? 0) > ($1.similarity ?? 0) }
  }

  /// The error for a leak; nil if there is none.
  public var error: LeakageError? { findings.isEmpty ? nil : LeakageError(findings: findings) }
}

extension LeakageReport.Finding: CustomStringConvertible {
  /// One line that names both images.
  public var description: String {
    let isBetweenLists = isBetweenLists == true
    let (place, places) = isBetweenLists ? ("the", "in two lists") : ("site", "at two sites")
    let what =
      switch kind {
      case .group: "the patient or sequence \"\(group ?? "")\" stands \(places)"
      case .duplicate: "the same picture stands \(places)"
      case .nearDuplicate: "nearly the same picture stands \(places)"
      }
    return
      "\(first.image) (\(place) \(first.site)): \(what), see \(second.image) (\(place) \(second.site))"
  }
}

/// A leave-one-site-out run would score images of patients or images that it trained on.
public struct LeakageError: Error, Equatable, CustomStringConvertible {
  /// The findings, at least one.
  public let findings: [LeakageReport.Finding]

  /// Two or three lines: the first pair, the number of pairs, and the fix.
  public var description: String {
    let first = findings.first.map { "\($0)" } ?? ""
    let rest = findings.count > 1 ? "; " + counted(findings.count - 1, "more pair") + " like this" : ""
    if findings.contains(where: { $0.isBetweenLists == true }) {
      return "\(first)\(rest)\nkeep both of a pair in one list, or allow them"
    }
    let groups =
      findings.contains { $0.kind == .group }
      ? "if the names of patients are local to their site, say groupsAreLocal: true in sites.json5\n" : ""
    return "\(first)\(rest)\n\(groups)keep one of each pair, or allow them; an inspection of the data lists "
      + "them all"
  }
}
