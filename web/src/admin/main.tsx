import { mount } from "../portal/mount.tsx";
import { AdminApp } from "./AdminApp.tsx";

mount(<AdminApp />);
