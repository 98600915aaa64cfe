import Glibc
import LaunchPlan
import LinuxSystem

/// The launcher's end of its preparer.
final class PreparerLink {
    let process: ForkedChild
    let socket: OwnedDescriptor
    /// Groups that may come again, with the files that are read at the end of a run open; by name.
    private var kept: [String: any ControlGroup] = [:]
    /// The preparer's idle ones, and some that it has not heard of. Who is not among them is opened again.
    private static let mostKept = 24

    init(process: consuming ForkedChild, socket: consuming OwnedDescriptor) {
        self.process = process
        self.socket = socket
    }

    enum Heard {
        case nothing
        case made(number: UInt64, PreparedSandbox)
        /// `dead`: processes to be reaped; `slot` stays taken until they are.
        case failed(number: UInt64, LaunchFailure, dead: [ForkedChild.Box])
        /// It has ended, or says what cannot be understood.
        case gone
    }

    /// Takes one answer, if there is one. `order` gives the policy and the slot that a number stands for.
    func hear(_ host: Host, order: (UInt64) -> (limits: LaunchLimits, slot: IdentitySlot)?) -> Heard {
        let message: MessageSocket.Message?
        do throws(SystemError) {
            message = try MessageSocket.receive(
                from: socket.number, maximum: PreparerMessage.maximumBytes, wait: false)
        } catch {
            return error.errno == EAGAIN ? .nothing : .gone
        }
        guard let message else { return .gone }
        do throws(PlanError) {
            switch try PreparerMessage.answer(message.bytes) {
            case .failed(let number, let failure):
                let dead = message.descriptors.map {
                    ForkedChild.Box(ForkedChild(pid: 0, pidfd: OwnedDescriptor(owning: $0)))
                }
                return .failed(number: number, failure, dead: dead)
            case .made(let number, let pid, let used, let name):
                guard (3...4).contains(message.descriptors.count), let (limits, slot) = order(number) else { break }
                return made(number, pid, used, name, limits, slot, message.descriptors, host)
            }
        } catch {}
        message.closeAll()
        return .gone
    }

    private func made(
        _ number: UInt64, _ pid: Int32, _ used: ProcessorTime, _ name: String, _ limits: LaunchLimits,
        _ slot: IdentitySlot, _ descriptors: [Int32], _ host: Host
    ) -> Heard {
        let events = descriptors.count == 4 ? descriptors[3] : -1
        let process = ForkedChild(pid: pid, pidfd: OwnedDescriptor(owning: descriptors[2]))
        let socket = OwnedDescriptor(owning: descriptors[0])
        let commandSocket = OwnedDescriptor(owning: descriptors[1])
        do throws(SystemError) {
            let group = try group(name, limits, events, host)
            group.startCounting(from: used)
            let sandbox = PreparedSandbox(
                slot: slot, group: group, process: process, socket: socket, commandSocket: commandSocket)
            sandbox.order = number
            sandbox.isReady = true
            return .made(number: number, sandbox)
        } catch {
            return .failed(number: number, LaunchFailure(.cgroup, error), dead: [ForkedChild.Box(process)])
        }
    }

    /// Takes over `events`.
    private func group(
        _ name: String, _ limits: LaunchLimits, _ events: Int32, _ host: Host
    ) throws(SystemError) -> any ControlGroup {
        if let known = kept.removeValue(forKey: name) {
            if events >= 0 { close(events) }
            try known.begin(limits)
            return known
        }
        let group: any ControlGroup
        do {
            group = try host.groups.adopt(name, limits: limits, memoryEvents: events)
        } catch {
            if events >= 0 { close(events) }
            throw error
        }
        // Opens what will be read at the end, on the way to an answer.
        _ = group.usage(ended: true)
        return group
    }

    /// The preparer is about to be told that this group may serve again; whether it does is its word.
    func keep(_ group: any ControlGroup) {
        if kept.count >= Self.mostKept { kept = [:] }
        kept[group.name] = group
    }
}
