"""Calls of the REST interface that several tests make."""
import socket


def upload(served, body, kind, scope="write"):
    return served.ask("POST", "/models/upload", body, scope=scope, headers={"Content-Type": kind})


def infer(served, body, model="lab%2Fsmollm2", **options):
    return served.ask("POST", f"/models/{model}/inference", body, scope="infer", **options)


def raw(served, request, address="127.0.0.1"):
    with socket.create_connection((address, served.port), timeout=60) as client:
        client.sendall(request)
        client.shutdown(socket.SHUT_WR)
        answer = b""
        while piece := client.recv(65536):
            answer += piece
    return answer
