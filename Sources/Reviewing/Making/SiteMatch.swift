import Datasets
import Foundation
import Storage
import Training

/// Finds which inputs are images of a data folder, and so their sites, patients and classes.
package struct SiteMatch {
  /// An image of the data folder.
  private struct Known {
    let sample: Sample
    let isTest: Bool
  }

  private var byPath: [String: Known] = [:]
  private var bySize: [Int: [Known]] = [:]
  /// The names of sites whose images the run withheld.
  package private(set) var heldOut: Set<String>

  /// Looks at the images of a data folder.
  ///
  /// - Parameters:
  ///   - catalog: the sites.
  ///   - run: the run; it says which site or which listed images it withheld.
  package init(_ catalog: SiteCatalog, of run: Run) {
    heldOut = Set([run.configuration.holdOut].compactMap { $0 })
    for site in catalog.sites {
      let listed = Set((run.lists?.tested(site) ?? []).map(\.image))
      for sample in site.allSamples {
        let known = Known(sample: sample, isTest: listed.contains(sample.image))
        if known.isTest { heldOut.insert(Self.testName(site.name)) }
        byPath[FileSystem.resolved(sample.image)] = known
        if let size = Self.size(sample.image) { bySize[size, default: []].append(known) }
      }
    }
  }

  /// States site, patient and class of an input, if it is one of the images.
  ///
  /// It is found by its path, else by its bytes. A frame of a video or a DICOM file is found by neither.
  ///
  /// - Parameter input: the input.
  package func state(_ input: inout ReviewInput) {
    guard input.source.reading == nil, let known = find(input.source.file) else { return }
    let site = known.sample.site
    input.site = known.isTest ? Self.testName(site) : site
    // An image without a stated patient is a group of its own.
    let isAlone = known.sample.group == "\(site)/\(known.sample.id)"
    input.group = known.sample.statedGroup ?? (isAlone ? nil : known.sample.group)
    input.lesionClass = known.sample.lesionClass
  }

  private func find(_ file: URL) -> Known? {
    if let known = byPath[FileSystem.resolved(file)] { return known }
    return Self.size(file).flatMap { bySize[$0] }?.first { FileSystem.isSameContent($0.sample.image, file) }
  }

  private static func testName(_ site: String) -> String { "\(site) (test list)" }

  private static func size(_ file: URL) -> Int? {
    var status = stat()
    return file.withNativePath({ stat($0, &status) }) == 0 ? Int(status.st_size) : nil
  }
}
