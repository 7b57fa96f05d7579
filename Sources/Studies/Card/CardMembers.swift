import Foundation
import Storage
import Training

/// The runs that were joined into one, as far as its folder names them (`ensemble.json`).
struct CardMembers {
  /// How they were joined: the mean of `outputs` or of `weights`.
  let average: String
  /// The ends of the paths from which they were taken.
  let names: [String]
  /// What each was made from, as far as it is stored.
  let provenances: [Provenance]

  private struct Stored: Decodable {
    struct Member: Decodable {
      let folder: String
      let run: String
    }
    let average: String
    let members: [Member]
  }

  /// Reads the members of a run; nil if it is no ensemble.
  ///
  /// - Throws: `FileError` that names the file if it is damaged.
  init?(_ run: RunFolder) throws {
    let file = run.url.appendingPathComponent("ensemble.json")
    guard FileSystem.kind(of: file) != nil else { return nil }
    let data = try Data(file: file, limit: Data.documentLimit)
    do {
      let stored = try JSONDecoder().decode(Stored.self, from: data)
      average = stored.average
      names = stored.members.map(\.run)
      // A number, so that no path leads out of the folder.
      provenances = try stored.members.filter { Int($0.folder) != nil }.compactMap {
        try Provenance.stored(in: RunFolder(run.url.appendingPathComponent("members/\($0.folder)")))
      }
    } catch let error as FileError {
      throw error
    } catch {
      throw FileError.malformed(
        file, reason: "does not name the runs of an ensemble: \(explanation(of: error)); join them again")
    }
  }

  /// What all of them were made from; nil if none stored it.
  var provenance: Provenance? {
    guard let first = provenances.first else { return nil }
    let found = Set(provenances.map(\.leakage))
    var names = Set<String>()
    return Provenance(
      sites: provenances.flatMap(\.sites).filter { names.insert($0.name).inserted },
      leakage: found.count == 1 ? first.leakage : nil, weights: first.weights)
  }
}
