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
  /// One error per folder that lacks masks, if images without a mask are allowed.
  public let missingMasks: [DatasetError]

  /// The file extensions of images.
  public static let imageEndings: Set<String> = ["jpg", "jpeg", "png", "tif", "tiff", "bmp"]

  /// Finds the sites of a folder; it reads no image.
  ///
  /// - Parameters:
  ///   - url: the data folder, or a `sites.json5`.
  ///   - defaultClass: the lesion class of images without a stated class.
  ///   - allowsMissingMasks: whether images without a mask are listed; otherwise they are an error.
  /// - Throws: `DatasetError` that names the folder or file and the fix.
  public init(at url: URL, defaultClass: String? = nil, allowsMissingMasks: Bool = false) throws {
    var passedOver: [DatasetError] = []
    func report(_ error: DatasetError) throws {
      guard allowsMissingMasks else { throw error }
      passedOver.append(error)
    }
    let manifest = url.pathExtension == "json5" ? url : url.appendingPathComponent("sites.json5")
    location = url
    folder = manifest.deletingLastPathComponent()
    if FileManager.default.fileExists(atPath: manifest.path) {
      sites = try SiteManifest(contentsOf: manifest).sites(
        in: manifest, defaultClass: defaultClass, onMissingMasks: report)
    } else {
      sites = try Self.folders(in: url).filter { folder in
        ["images", "masks"].contains { Self.isFolder(folder.appendingPathComponent($0)) }
      }.map {
        try SiteManifest.Entry(name: $0.lastPathComponent).site(
          relativeTo: url, defaultClass, statedIn: manifest, onMissingMasks: report)
      }
    }
    missingMasks = passedOver
    guard !sites.isEmpty else { throw DatasetError.noSites(url) }
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

  private static func folders(in url: URL) throws -> [URL] {
    try FileSystem.contents(of: url).filter(isFolder)
      .sorted { $0.lastPathComponent < $1.lastPathComponent }
  }

  static func isFolder(_ url: URL) -> Bool { FileSystem.kind(of: url) == .folder }

  /// Lists the image files of a folder by stem.
  ///
  /// - Throws: `FileError` if the folder cannot be read, `DatasetError.ambiguous` if two files have
  ///   one stem.
  public static func images(in folder: URL) throws -> [String: URL] {
    let files = try FileSystem.contents(of: folder)
    var found: [String: URL] = [:]
    for file in files.sorted(by: { $0.lastPathComponent < $1.lastPathComponent })
    where imageEndings.contains(file.pathExtension.lowercased()) && !file.lastPathComponent.hasPrefix(".") {
      if let first = found.updateValue(file, forKey: file.deletingPathExtension().lastPathComponent) {
        throw DatasetError.ambiguous(first: first, second: file)
      }
    }
    return found
  }
}
