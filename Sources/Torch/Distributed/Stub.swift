import Foundation
public final class ProcessGroup: Sendable {
  public static func fromEnvironment(_ environment: [String: String] = ProcessInfo.processInfo.environment, device: Device = .cpu, timeout: TimeInterval = 600) throws -> ProcessGroup? { fatalError() }
  public let rank: Int = 0
  public let count: Int = 1
  public let localRank: Int = 0
  public let restarts: Int = 0
  public var isFirst: Bool { rank == 0 }
  public func barrier() throws { fatalError() }
  public func sum(_ tensor: Tensor) throws { fatalError() }
  public func broadcast(_ tensor: Tensor) throws { fatalError() }
  public func isTrueAnywhere(_ flag: Bool) throws -> Bool { fatalError() }
  public func gathered(rows tensor: Tensor) throws -> Tensor { fatalError() }
  public func gatheredWithGradient(rows tensor: Tensor) throws -> Tensor { fatalError() }
  public func gathered<Value: Codable & Sendable>(_ value: Value) throws -> [Value] { fatalError() }
  public func first<Value: Codable & Sendable>(_ body: () throws -> Value) throws -> Value { fatalError() }
  public func shard(of count: Int) -> Range<Int> { fatalError() }
  public func fail(_ message: String) { fatalError() }
  public var firstFailure: (rank: Int, message: String)? { fatalError() }
}
public final class GradientReducer {
  public init(_ parameters: [Tensor], group: ProcessGroup, bucketBytes: Int = 25 << 20, findsUnused: Bool = false) throws { fatalError() }
  public func prepareForward(synchronizes: Bool = true) throws { fatalError() }
  public func prepareBackward(outputs: [Tensor]) throws { fatalError() }
}
