import Datasets
import Foundation
import Storage

/// The part of some images in the training of a member of an ensemble.
public struct MemberPart: Codable, Equatable, Sendable {
  /// The member: its number, and the end of the path from which it was taken.
  public let member: String
  /// The site that it held out; nil if it held out none.
  @Nullable public private(set) var heldOutSite: String?
  /// The number of the images on which it was trained, also those that chose its epoch.
  public let trainedCount: Int

  enum CodingKeys: String, CodingKey {
    case member
    case heldOutSite = "hold_out"
    case trainedCount = "n_trained_on"
  }
}

extension MemberPart {
  /// States which members were trained on images of a site; nil if none was.
  ///
  /// - Parameters:
  ///   - members: the parts of all members.
  ///   - site: the name of the site.
  ///   - count: the number of images that score.
  /// - Returns: one sentence.
  package static func sentence(_ members: [MemberPart], at site: String, of count: Int) -> String? {
    let saw = members.filter { $0.trainedCount > 0 }
    guard !saw.isEmpty else { return nil }
    let parts = saw.map { part in
      part.trainedCount >= count ? part.member : "\(part.member): \(part.trainedCount) of \(count)"
    }
    return
      "\(saw.count) of \(counted(members.count, "member")) \(saw.count == 1 ? "was" : "were") trained on images of "
      + "\(site), so its scores are familiar: \(parts.joined(separator: ", "))"
  }
}

extension Run {
  /// Counts the images that each member of an ensemble was trained on; nil for a run that is no ensemble.
  ///
  /// Images are found by their bytes, as by `role(of:)`. A member of an earlier version stores no
  /// images, so there the name of the site decides.
  ///
  /// - Parameters:
  ///   - samples: the images.
  ///   - site: their site.
  /// - Returns: one part for each member.
  /// - Throws: an error that names a file.
  package func memberParts(in samples: [Sample], of site: Site) throws -> [MemberPart]? {
    guard let ensemble = try ensemble() else { return nil }
    let hashes = ImageHashes()
    return try ensemble.members.map { member in
      let place = folder.member(member)
      let settings = try memberSettings(member)
      let count: Int
      if let known = try place.fingerprint()?.known {
        count = try samples.count { try known.contains(hashes.hash(of: $0)) }
      } else {
        count = settings.sources.contains(site.name) ? samples.count : 0
      }
      return MemberPart(
        member: "\(member.folder) (\(member.run))", heldOutSite: settings.holdOut, trainedCount: count)
    }
  }
}
