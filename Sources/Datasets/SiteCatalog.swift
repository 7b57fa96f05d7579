import Foundation
import Storage
import Torch

/// The sites of a data folder.
///
/// A data folder has one of two forms. It is a folder of sites, each with `images/` and `masks/` of
/// equal stems; or it has a `sites.json5`, which also states lesion classes and patient groups. See
/// docs/reference/data-format.md for the format.
public struct SiteCatalog: Sendable {
  /// The folder or the `sites.json5` of the catalogue.
  public let location: URL
  /// The folder.
  public let folder: URL
  /// The sites, by name.
  public let sites: [Site]
  /// The faults that were passed over, such as images without a mask if these are allowed.
  public let faults: [DatasetError]
  /// The files that take no part, and why.
  package let leftOut: [LeftOut]

  /// The faults of a data folder that are passed over.
  package enum Leniency: Sendable {
    /// None.
    case none
    /// Images without a mask.
    case missingMasks
    /// All faults of single sites and files, to list them.
    case all

    fileprivate func allows(_ error: DatasetError) -> Bool {
      switch self {
      case .none: false
      case .missingMasks: if case .missingMasks = error { true } else { false }
      case .all: true
      }
    }
  }

  /// Finds the sites of a folder; it reads no image.
  ///
  /// - Parameters:
  ///   - url: the data folder, or a `sites.json5`.
  ///   - defaultClass: the lesion class of images without a stated class.
  ///   - allowsMissingMasks: whether images without a mask are listed; otherwise they are an error.
  /// - Throws: `DatasetError` that names the folder or file and the fix.
  public init(at url: URL, defaultClass: String? = nil, allowsMissingMasks: Bool = false) throws {
    try self.init(
      at: url, defaultClass: defaultClass, passingOver: allowsMissingMasks ? .missingMasks : .none)
  }

  /// Finds the sites of a folder; it reads no image.
  ///
  /// - Parameters:
  ///   - url: the data folder, or a `sites.json5`.
  ///   - defaultClass: the lesion class of images without a stated class.
  ///   - leniency: the faults that are listed in `faults`; others are errors.
  /// - Throws: `DatasetError` that names the folder or file and the fix.
  package init(at url: URL, defaultClass: String? = nil, passingOver leniency: Leniency) throws {
    let manifest = url.pathExtension == "json5" ? url : url.appendingPathComponent("sites.json5")
    location = url
    folder = manifest.deletingLastPathComponent()
    let search = SiteSearch(leniency.allows)
    if FileManager.default.fileExists(atPath: manifest.path) {
      sites = try SiteManifest(contentsOf: manifest).sites(
        in: manifest, defaultClass: defaultClass, search)
    } else {
      sites = try Self.folders(in: url, search).compactMap {
        try SiteManifest.Entry(name: $0.lastPathComponent).site(
          relativeTo: url, defaultClass, statedIn: manifest, search)
      }
    }
    faults = search.faults
    leftOut = search.leftOut(sites)
    guard !sites.isEmpty else { throw search.faults.first ?? Self.none(in: url) }
  }

  /// The error of a folder without sites.
  private static func none(in url: URL) -> DatasetError {
    let names = (try? ImageFolder.names(in: url)) ?? []
    let folders = names.map { "\($0)/\(SiteImport.unlabelled)" }.filter {
      isFolder(url.appendingPathComponent($0))
    }
    return folders.isEmpty ? .noSites(url) : .onlyUnlabelled(url, folders: folders)
  }

  /// Finds a site by name.
  ///
  /// - Throws: `DatasetError.unknownSite` with the known names.
  public func site(_ name: String) throws -> Site {
    guard let site = sites.first(where: { $0.name == name }) else {
      throw DatasetError.unknownSite(name, known: sites.map(\.name))
    }
    return site
  }

  /// Finds a site by name.
  ///
  /// - Throws: `DatasetError.unknownSite` with the known names.
  public subscript(name: String) -> Site { get throws { try site(name) } }

  /// Finds the folders that are sites, and lists what else there is.
  private static func folders(in url: URL, _ search: SiteSearch) throws -> [URL] {
    let parts = ["images", "masks"]
    let all = try ImageFolder.names(in: url).map(url.appendingPathComponent)
    search.addStrays(in: all)
    return try all.filter(isFolder).filter { folder in
      guard parts.contains(where: { isFolder(folder.appendingPathComponent($0)) }) else {
        search.add(.folder, [folder])
        return false
      }
      let inside = try ImageFolder.names(in: folder).map(folder.appendingPathComponent)
      search.addStrays(in: inside)
      search.add(.folder, inside.filter { isFolder($0) && !parts.contains($0.lastPathComponent) })
      return true
    }
  }

  static func isFolder(_ url: URL) -> Bool { FileSystem.kind(of: url) == .folder }

  /// Lists the image files of a folder by stem.
  ///
  /// - Throws: `FileError` if the folder cannot be read, `DatasetError.ambiguous` if two files have
  ///   one stem.
  public static func images(in folder: URL) throws -> [String: URL] { try ImageFolder(folder).images }
}

/// The faults and the unused files that a search for sites meets.
final class SiteSearch {
  private let allows: (DatasetError) -> Bool
  private(set) var faults: [DatasetError] = []
  /// The folders that were read, which sites may share.
  private var listings: [Place: ImageFolder] = [:]
  /// The names of the masks of each folder that no site has used, by stem.
  private var unusedMasks: [URL: [String: String]] = [:]
  private var others: [LeftOut] = []
  private var chosen: Set<URL> = []

  private struct Place: Hashable {
    let folder: URL
    let areMasks: Bool
  }

  /// Starts a search.
  ///
  /// - Parameter allows: whether a fault is passed over.
  init(_ allows: @escaping (DatasetError) -> Bool) { self.allows = allows }

  /// Notes a fault that may be passed over.
  ///
  /// - Throws: the fault, if it may not.
  func report(_ fault: DatasetError) throws {
    guard allows(fault) else { throw fault }
    faults.append(fault)
  }

  /// Lists a folder of images or masks; it reads a folder once.
  func list(_ folder: URL, areMasks: Bool) throws -> ImageFolder {
    let place = Place(folder: folder, areMasks: areMasks)
    if let known = listings[place] { return known }
    let listing = try ImageFolder(folder, onTwice: report)
    listings[place] = listing
    if areMasks { unusedMasks[folder] = listing.names }
    add(.otherFile, listing.others)
    return listing
  }

  /// Notes that images of a site use the masks of their stems.
  func use(_ stems: some Sequence<String>, of folder: URL) {
    // The dictionary is taken out, so that it is changed in place.
    guard var rest = unusedMasks.removeValue(forKey: folder) else { return }
    for stem in stems { rest[stem] = nil }
    unusedMasks[folder] = rest
  }

  /// Notes that the images of a folder belong to those sites alone that choose them.
  func choose(from images: ImageFolder) {
    guard chosen.insert(images.folder).inserted else { return }
    others += images.names.values.map { LeftOut(reason: .otherStem, file: ListedFile($0, in: images.folder)) }
  }

  /// Adds files that take no part.
  func add(_ reason: LeftOut.Reason, _ urls: [URL]) {
    others += urls.map { LeftOut(reason: reason, file: ListedFile($0)) }
  }

  /// Adds the images among files that lie outside `images/` and `masks/`.
  func addStrays(in urls: [URL]) {
    add(
      .strayImage,
      urls.filter { ImageFolder.isImage($0.lastPathComponent) && !SiteCatalog.isFolder($0) })
  }

  /// Returns the files that no site uses; sites may share folders.
  func leftOut(_ sites: [Site]) -> [LeftOut] {
    // Of several spellings of a folder, the shortest names its files.
    let folders = unusedMasks.map { (path: $0.key.path, folder: $0.key, names: $0.value.values) }
      .sorted { ($0.path.count, $0.path) < ($1.path.count, $1.path) }
    let masks = folders.flatMap { item in
      item.names.map { LeftOut(reason: .maskWithoutImage, file: ListedFile($0, in: item.folder)) }
    }
    var paths = StandardPaths()
    var rest: [String: LeftOut] = [:]
    for file in masks + others {
      let path = paths.path(file.url)
      if rest[path] == nil { rest[path] = file }
    }
    for site in sites where !rest.isEmpty {
      for sample in site.allSamples + (site.unlinkedSamples ?? []) {
        rest[paths.path(sample.image)] = nil
        if let mask = sample.mask { rest[paths.path(mask)] = nil }
      }
    }
    return rest.sorted { $0.key < $1.key }.map(\.value)
  }
}

/// Paths of files without links and `..`; each folder is looked at once.
private struct StandardPaths {
  private var folders: [Substring: String] = [:]

  mutating func path(_ url: URL) -> String {
    let path = url.path
    guard let slash = path.lastIndex(of: "/"), slash > path.startIndex else {
      return url.standardizedFileURL.path
    }
    let folder = path[..<slash]
    if let known = folders[folder] { return known + path[slash...] }
    let standard = URL(fileURLWithPath: String(folder), isDirectory: true).standardizedFileURL.path
    folders[folder] = standard
    return standard + path[slash...]
  }
}
