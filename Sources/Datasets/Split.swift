import Torch

/// The training and validation images of the source sites.
public struct Split: Sendable, Equatable {
  /// The training images.
  public let training: [Sample]
  /// The validation images, of the same sites.
  public let validation: [Sample]

  /// Splits each site by patient or sequence, so that no group is on both sides.
  ///
  /// - Parameters:
  ///   - sites: the source sites; the held-out site must not be among them.
  ///   - validationShare: the share of each site's images for validation, 0 to 1. Whole groups are
  ///     taken until it is reached. At least one group stays for training.
  ///   - seed: selects the groups; the same seed gives the same split.
  /// - Throws: `TorchError` if the generator fails.
  public init(sites: [Site], validationShare: Double, seed: UInt64) throws {
    var training: [Sample] = []
    var validation: [Sample] = []
    for site in sites {
      let groups = Dictionary(grouping: site.samples, by: \.group)
      let names = groups.keys.sorted()
      let order = try Tensor.randomPermutation(
        names.count, generator: Generator(seed: seed, for: "split", site.name)
      ).array(of: Int.self)
      let wanted = validationShare * Double(site.samples.count)
      var held = Set<String>()
      var count = 0
      for index in order.dropLast() where Double(count) < wanted {
        held.insert(names[index])
        count += groups[names[index]]?.count ?? 0
      }
      training += site.samples.filter { !held.contains($0.group) }
      validation += site.samples.filter { held.contains($0.group) }
    }
    self.training = training
    self.validation = validation
  }
}
